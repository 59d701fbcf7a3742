"""The panel that makes addresses of an image: what it shows is what whoever has them gets."""

import io
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image, ImageStat

from mediakiln.cli.asking import asked

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from mediakiln import Client

    from .conftest import OpenVisit, Visit

pytestmark = pytest.mark.xdist_group("browser")

SIZE = (1000, 600)
_EMPTY_ALT = 'alt="holiday"'


@pytest.fixture
def picture(client: "Client") -> str:
    """The id of an image of its own: black, and white in its right fifth."""
    drawn = Image.new("RGB", SIZE, "black")
    drawn.paste("white", (800, 0, 1000, 600))
    written = io.BytesIO()
    drawn.save(written, "JPEG", quality=90)
    return client.wait(client.submit(written.getvalue(), name="holiday.jpg")).id


def opened(visit: "Visit", id: str) -> "Page":
    """The asset's page with the panel open and its first image there."""
    page = visit.open(f"/assets/{id}")
    page.locator("[data-address] > summary").click()
    drawn(page, "1000w")
    return page


def drawn(page: "Page", said: str) -> None:
    """Wait until the snippet says this, and nothing is under way."""
    page.locator("[data-usable][aria-busy=false] [data-html]", has_text=said).wait_for()


def fetched(url: str) -> Image.Image:
    """What somebody without a key gets."""
    answer = httpx2.get(url, headers={"Accept": "image/webp,*/*"}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_an_address_shows_everybody_what_the_preview_showed(
    visit: "OpenVisit", picture: str
) -> None:
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    one.sign_in()
    page = opened(one, picture)
    facts = page.locator("[data-facts]").inner_text()
    assert re.fullmatch(r"\S+ k?B?(bytes)? · AVIF · 800 × 480 · .* of the original’s bytes", facts)  # noqa: RUF001 - as the page has it
    page.get_by_role("button", name="Copy: the address").click()
    page.locator("[data-copies=url]", has_text="Copied").wait_for()
    url = page.evaluate("navigator.clipboard.readText()")
    assert "/i/s_" in url
    assert fetched(url).size == (800, 480)
    # The white side is what must stay, so a square has it in.
    box = page.locator(".focal img").bounding_box()
    assert box is not None
    page.locator(".focal img").click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.5})
    page.get_by_label("Watermark", exact=True).fill("© Kiln, Ltd")
    drawn(page, "focus_x_")
    drawn(page, "watermark,")
    square = fetched(page.locator("[data-url]").inner_text())
    assert square.size == (600, 600)  # no more is there
    assert ImageStat.Stat(square.convert("L")).mean[0] > 64  # a third of it is white


def test_the_snippet_tells_the_truth_of_each_width(visit: "OpenVisit", picture: str) -> None:
    one = visit()
    one.sign_in()
    page = opened(one, picture)
    page.get_by_label("Height", exact=True).fill("240")
    drawn(page, "400w")  # half of 800, since the height decides
    page.get_by_label("Widths").fill("500, 250 9999")
    drawn(page, " 250w")
    snippet = page.locator("[data-html]").inner_text()
    assert _EMPTY_ALT in snippet
    assert 'width="400" height="240"' in snippet
    pairs = re.findall(r"(http\S+) (\d+)w", snippet)
    assert len(pairs) == 3
    for url, width in pairs:
        assert fetched(url).width == int(width)


def test_a_refusal_is_told_in_words_and_leaves_nothing_to_copy(
    visit: "OpenVisit", picture: str
) -> None:
    one = visit(allowed=("400",))
    one.sign_in()
    page = opened(one, picture)
    page.get_by_label("Width", exact=True).fill("0")
    problem = page.locator("[data-address] [data-problem]")
    problem.get_by_text("Width: must be a whole number from 1 to 16383").wait_for()
    assert not page.get_by_role("button", name="Copy: the address").is_visible()
    page.get_by_label("Width", exact=True).fill("300")
    drawn(page, "300")
    assert not problem.is_visible()


def test_every_image_of_a_file_is_made_anew_on_demand(visit: "OpenVisit", picture: str) -> None:
    one = visit()
    one.sign_in()
    page = opened(one, picture)
    page.get_by_role("button", name="Make anew").click()
    page.locator("[data-purged]", has_text=re.compile(r"\d images? removed")).wait_for()
    drawn(page, "1000w")


def test_who_may_only_read_gets_addresses_that_are_not_signed(
    visit: "OpenVisit", picture: str
) -> None:
    one = visit()
    wanted = {"name": "reader", "scopes": ["read"]}
    key = asked(one.platform.url, one.key, "POST", "/v1/keys", body=wanted)["key"]
    one.allowed.append("401")
    page = one.open("/")
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Recent files").wait_for()
    page = opened(one, picture)
    url = page.locator("[data-url]").inner_text()
    assert "/s_" not in url
    assert "800 × 480" in page.locator("[data-facts]").inner_text()  # noqa: RUF001 - as the page has it
    assert page.get_by_role("button", name="Make anew").count() == 0
    told = httpx2.get(url, headers={"X-Forwarded-For": "192.0.2.1"}, trust_env=False)
    assert told.json()["code"] == "signature_missing"


def test_the_panel_needs_neither_a_mouse_nor_a_wide_screen(
    visit: "OpenVisit", picture: str
) -> None:
    one = visit(viewport={"width": 390, "height": 844})
    one.sign_in()
    page = one.open(f"/assets/{picture}")
    page.locator("[data-address] > summary").focus()
    page.keyboard.press("Enter")
    drawn(page, "1000w")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    panel = page.locator("[data-address]")
    for control in panel.locator("input, select, button").all():
        name = control.evaluate(
            "(one) => one.ariaLabel || one.labels?.[0]?.innerText || one.innerText"
        )
        assert name.strip(), control.evaluate("(one) => one.outerHTML")
    page.get_by_label("Across, %").focus()
    page.keyboard.type("90")
    drawn(page, "focus_x_0.9,focus_y_0.5")
    assert page.get_by_label("Keep").input_value() == "focus"


def test_what_is_no_image_has_no_such_panel(visit: "OpenVisit", client: "Client") -> None:
    asset = client.wait(client.submit(b"Clay.\n", name="clay.txt"))
    one = visit()
    one.sign_in()
    assert one.open(f"/assets/{asset.id}").locator("[data-address]").count() == 0


def test_a_preset_of_several_segments_takes_no_fit_without_a_box(
    visit: "OpenVisit", picture: str
) -> None:
    one = visit()
    one.sign_in()
    page = one.open(f"/assets/{picture}")
    path = """async (said) => {
      const page = document.querySelector("script[type=module]").src;
      const { pathOf } = await import(page.replace("page.js", "address/options.js"));
      return pathOf("ID", said);
    }"""
    said: dict[str, Any] = {
        "width": "",
        "height": "",
        "fit": "cover",
        "gravity": "focus",
        "across": "90",
        "down": "",
    }
    said |= {"preset": "hero", "several": True, "format": "png", "rotate": "", "text": ""}
    assert page.evaluate(path, said) == "/i/p_hero/f_png/ID"
    said |= {"width": "300", "height": "200"}
    assert page.evaluate(path, said) == (
        "/i/p_hero/w_300,h_200,fit_cover,focus_x_0.9,focus_y_0.5,f_png/ID"
    )
