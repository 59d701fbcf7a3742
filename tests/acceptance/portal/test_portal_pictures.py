"""Pictures on the page: as large as they are seen, and what is there while there are none."""

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from mediakiln import Client

    from .conftest import OpenVisit

pytestmark = pytest.mark.xdist_group("browser")

FACTS = {"steps": {"facts": {"op": "image.describe"}}}


@pytest.fixture
def photo(client: "Client") -> str:
    """The id of a photo that is stored lying, of which no step made a picture."""
    exif = Image.Exif()
    exif[274] = 6
    written = io.BytesIO()
    noise = Image.effect_noise((900, 600), 60).convert("RGB")
    noise.save(written, "JPEG", quality=95, exif=exif)
    assert len(written.getvalue()) > 200_000
    return client.wait(client.submit(written.getvalue(), name="lying.jpg", recipe=FACTS)).id


def seen(page: "Page", where: str) -> tuple[int, int]:
    """The natural sides of a picture, once it is there."""
    picture = page.locator(where)
    picture.scroll_into_view_if_needed()
    page.wait_for_function("(where) => document.querySelector(where)?.naturalWidth > 0", arg=where)
    width, height = picture.evaluate("(img) => [img.naturalWidth, img.naturalHeight]")
    return width, height


def test_a_list_and_a_page_load_no_whole_originals(visit: "OpenVisit", photo: str) -> None:
    one = visit(device_scale_factor=2)
    page = one.sign_in()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.reload()
    row = f'[data-asset="{photo}"] img'
    assert seen(page, row) == (48, 48)  # in the page's pixels: it has twice as many
    assert "dpr_2" in page.locator(row).evaluate("(img) => img.currentSrc")
    page.goto(f"{one.platform.url}/assets/{photo}")
    before = page.locator(".original-look").bounding_box()
    width, height = seen(page, ".original img")
    assert (width * 3, height) == (height * 2, 384)
    assert page.locator(".original-look").bounding_box() == before  # nothing jumped
    assert not [url for url in loaded if url.endswith("/original")]


def test_a_busy_service_is_asked_again_and_what_cannot_be_made_leaves_an_icon(
    visit: "OpenVisit", photo: str
) -> None:
    one = visit(allowed=("503", "422"))
    page = one.sign_in()
    answers = [503, 503]

    def answer(route: "Route") -> None:
        if not answers:
            route.continue_()
            return
        route.fulfill(status=answers.pop(), headers={"Retry-After": "1"}, body="{}")

    page.route("**/i/**", answer)
    page.goto(f"{one.platform.url}/assets/{photo}")
    assert seen(page, ".original img")[1] == 384
    assert not answers
    page.unroute("**/i/**")
    page.route("**/i/**", lambda route: route.fulfill(status=422, body="{}"))
    page.reload()
    page.locator(".original .lost-picture .icon").wait_for()
    assert page.locator(".original img").count() == 0
    page.goto(one.platform.url)
    page.locator(f'[data-asset="{photo}"] .lost-picture .icon').wait_for()


def test_what_steps_found_is_seen_in_the_picture(visit: "OpenVisit", client: "Client") -> None:
    drawn = Image.new("RGB", (300, 200), "#2050a0")
    drawn.paste("#f0c000", (200, 0, 300, 200))
    written = io.BytesIO()
    drawn.save(written, "PNG")
    recipe = {"steps": {"colours": {"op": "image.palette"}, "codes": {"op": "image.codes"}}}
    asset = client.wait(client.submit(written.getvalue(), name="flag.png", recipe=recipe))
    one = visit()
    one.sign_in()
    page = one.open(f"/assets/{asset.id}")
    colours = page.get_by_role("img", name="Colours:")
    assert "#2050a0" in (colours.get_attribute("aria-label") or "")
    assert colours.locator("rect").count() >= 2
    assert page.locator(".card", has_text="codes").get_by_text("no codes").is_visible()
