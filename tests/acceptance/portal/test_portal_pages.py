import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat

from mediakiln.cli.samples import make_samples

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from mediakiln import Client

    from .conftest import OpenVisit

pytestmark = pytest.mark.xdist_group("browser")

NASTY = "<img src=x onerror=alert(1)>\"'&`${1}.txt"
RIGHT_TO_LEFT = "תמונה <b>שלי<b>.txt"
TEXT = b"Clay, water, fire.\n"


def lightness(page: "Page") -> float:
    """The page's mean brightness, 0 to 255."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        return ImageStat.Stat(picture.convert("L")).mean[0]


def test_a_stranger_is_shown_where_the_key_is(visit: "OpenVisit") -> None:
    opened = visit(allowed=("401",))
    page = opened.open("/")
    assert "mediakiln up" in page.locator("main").inner_text()
    page.get_by_label("Key", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("not the key").wait_for()
    page.get_by_label("Key", exact=True).fill(opened.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Put any media file in.").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_everything_is_there_without_scripts(visit: "OpenVisit", tmp_path: "Path") -> None:
    page = visit(java_script_enabled=False).sign_in()
    picture = tmp_path / "plain.png"
    Image.new("RGB", (80, 60), "peru").save(picture)
    page.get_by_label("Choose a file").set_input_files(picture)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/assets/*")
    for _ in range(50):
        page.reload()
        if page.locator(".pill-ready").count():
            break
        page.wait_for_timeout(100)
    assert page.locator(".card").count() == 2
    assert page.get_by_role("button", name="Copy URL").count() == 0
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete plain.png").click()
    page.get_by_text("The file is deleted").wait_for()
    assert page.locator(".row", has_text="plain.png").count() == 0


@pytest.mark.parametrize("name", [NASTY, RIGHT_TO_LEFT])
def test_a_name_is_only_ever_text(visit: "OpenVisit", name: str) -> None:
    page = visit().sign_in()
    page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": TEXT})
    page.locator("#fresh .panel .pill-ready").wait_for()
    assert page.locator("#fresh .panel h2 bdi").inner_text() == name
    page.reload()
    row = page.locator(".row").first
    assert row.locator("bdi").inner_text() == name
    row.locator("a").click()
    page.wait_for_url("**/assets/*")
    assert page.locator(".panel h2 bdi").inner_text() == name
    assert page.title() == f"{name} · mediakiln"
    assert page.locator("main img[src=x], main b").count() == 0
    assert page.locator("main pre[aria-label]").count() > 0, "what can be scrolled has a name"
    assert page.locator("main pre[aria-label]:not([role])").count() == 0, "a name needs a role"


def test_processing_again_takes_another_recipe(visit: "OpenVisit", client: "Client") -> None:
    picture = io.BytesIO()
    Image.new("RGB", (80, 60), "peru").save(picture, "PNG")
    asset = client.wait(client.submit(picture.getvalue(), name="again.png"))
    opened = visit()
    opened.sign_in()
    page = opened.open(f"/assets/{asset.id}")
    page.locator("summary", has_text="Process again").click()
    page.get_by_label("Recipe", exact=True).select_option("own")
    page.get_by_label("Your recipe").fill(
        '{"steps": {"tiny": {"op": "image.resize", "width": 16}}}'
    )
    page.get_by_role("button", name="Process again").click()
    page.locator(".facts", has_text="run 2").wait_for()
    page.locator(".pill-ready").wait_for()
    assert page.locator(".card h3").all_inner_texts() == ["tiny"]


def test_each_kind_has_its_own_view(visit: "OpenVisit", client: "Client", tmp_path: "Path") -> None:
    opened = visit()
    opened.sign_in()
    views = {
        "kiln.jpg": ".original img",
        "letter.pdf": ".original iframe",
        "vase.glb": ".original .turntable",
        "clip.mp4": ".original video",
        "chord.wav": ".original audio",
    }
    for sample in make_samples(tmp_path):
        asset = client.wait(client.submit(sample))
        assert asset.state == "ready", asset.error
        page = opened.open(f"/assets/{asset.id}")
        assert page.locator(views[sample.name]).is_visible()
        assert page.locator(".card").count() == len(asset.products)
        for product in asset.products:
            assert page.locator(".card h3", has_text=product.name).first.is_visible()
        if sample.name == "letter.pdf":
            assert "How to fire a kiln" in " ".join(page.locator(".snippet").all_inner_texts())


def test_the_page_is_light_by_day_and_dark_by_night(visit: "OpenVisit") -> None:
    assert lightness(visit(color_scheme="light").sign_in()) > 220
    assert lightness(visit(color_scheme="dark").sign_in()) < 50


def test_a_narrow_screen_needs_no_sideways_scrolling(visit: "OpenVisit", client: "Client") -> None:
    asset = client.submit(TEXT, name="a-rather-long-name-without-a-single-break-in-it" * 3 + ".txt")
    opened = visit(viewport={"width": 340, "height": 700})
    opened.sign_in()
    for path in ("/", f"/assets/{asset.id}"):
        page = opened.open(path)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(
    visit: "OpenVisit", client: "Client"
) -> None:
    asset = client.wait(client.submit(TEXT, name="reach.txt"))
    opened = visit()
    opened.sign_in()
    page = opened.open(f"/assets/{asset.id}")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"Skip to the content", "API", "Download", "Copy URL", "curl", "Delete"} <= reached
    for role in ("button", "link", "combobox", "textbox"):
        for control in page.get_by_role(role).all():
            assert control.aria_snapshot().strip().endswith('"') or '"' in control.aria_snapshot()


def test_copying_an_address_says_so(visit: "OpenVisit", client: "Client") -> None:
    asset = client.wait(client.submit(TEXT, name="address.txt"))
    opened = visit(permissions=["clipboard-read", "clipboard-write"])
    opened.sign_in()
    page = opened.open(f"/assets/{asset.id}")
    page.locator(".original").get_by_role("button", name="Copy URL").click()
    page.locator(".original").get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == asset.url


def test_files_are_found_by_words_of_their_names(visit: "OpenVisit", client: "Client") -> None:
    client.wait(client.submit(TEXT, name="Glaze recipes autumn.txt"))
    client.wait(client.submit(TEXT, name="Firing log.txt"))
    opened = visit(allowed=("400",))
    page = opened.sign_in()
    box = page.get_by_role("searchbox", name="Search files")
    box.fill("glaze autu*")
    box.press("Enter")
    page.get_by_role("heading", name="Files found").wait_for()
    assert page.locator(".row-name").all_inner_texts() == ["Glaze recipes autumn.txt"]
    page.get_by_role("link", name="Failed").click()
    page.get_by_text("Nothing here").wait_for()
    assert box.input_value() == "glaze autu*"
    box.fill("*")
    box.press("Enter")
    page.get_by_role("alert").get_by_text("at least one word").wait_for()
