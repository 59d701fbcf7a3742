import base64
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from mediakiln import Client

    from .conftest import OpenVisit

pytestmark = pytest.mark.xdist_group("browser")

_DROP = """({name, type, content, zeroes}) => {
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  const transfer = new DataTransfer();
  const pieces = [bytes, new Uint8Array(zeroes)];
  transfer.items.add(new File(pieces, name, {type, lastModified: 1}));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(
      new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
}"""

_LATE_ANSWERS = """
// Answers with rows come half a second late: several are asked for before the first is there.
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...body) {
  const done = this.onload;
  this.onload = (event) => {
    const wait = this.responseURL.endsWith("/row") ? 500 : 0;
    setTimeout(() => done.call(this, event), wait);
  };
  return send.apply(this, body);
};
"""


def an_image(width: int = 640, height: int = 480) -> bytes:
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=90)
    return written.getvalue()


def drop(
    page: "Page", name: str, content: bytes, type: str = "image/jpeg", *, zeroes: int = 0
) -> None:
    """Drop a file on the page: the content, and so many zeroes behind it."""
    coded = base64.b64encode(content).decode()
    page.evaluate(_DROP, {"name": name, "type": type, "content": coded, "zeroes": zeroes})


def panel(page: "Page", name: str) -> "Locator":
    return page.locator("#fresh .panel", has_text=name)


def shows(picture: "Locator") -> bool:
    return bool(picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth }"))


def test_a_dropped_image_is_shown_at_once_and_its_products_follow(visit: "OpenVisit") -> None:
    page = visit().sign_in()
    drop(page, "gradient.jpg", an_image())
    mine = panel(page, "gradient.jpg")
    # The browser's own copy or the uploaded original: either way it can be seen.
    assert shows(mine.locator("img").first)
    mine.locator(".pill-ready").wait_for()
    assert shows(mine.locator(".original img"))
    products = mine.locator(".card h3")
    assert set(products.all_inner_texts()) == {"web", "thumb"}
    assert shows(mine.locator(".card img").first)
    assert "320 × 320" in mine.locator(".cards").inner_text()  # noqa: RUF001 - as the page has it
    assert mine.locator(".step-done").count() == 2
    page.locator("#said", has_text="gradient.jpg: Ready").wait_for()
    page.reload()
    assert page.locator(".row", has_text="gradient.jpg").locator(".pill-ready").is_visible()


def test_a_dragged_file_lights_the_kiln_until_it_leaves(visit: "OpenVisit") -> None:
    page = visit().sign_in()
    form = page.locator("#drop")
    fire = """(kind) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["x"], "x.txt"));
      document.body.dispatchEvent(new DragEvent(kind, {bubbles: true, dataTransfer: transfer}));
    }"""
    page.evaluate(fire, "dragenter")
    assert "over" in (form.get_attribute("class") or "")
    page.evaluate(fire, "dragleave")
    assert "over" not in (form.get_attribute("class") or "")


def test_chosen_files_go_up_together_and_a_handful_becomes_rows(visit: "OpenVisit") -> None:
    page = visit().sign_in()
    files = [
        {"name": f"handful-{number}.jpg", "mimeType": "image/jpeg", "buffer": an_image(64 + number)}
        for number in range(5)
    ]
    page.locator("#file").set_input_files(files)  # type: ignore[arg-type] # dicts of this shape
    rows = page.locator("#rows .row", has_text="handful-")
    rows.nth(4).locator(".pill-ready").wait_for()
    for number in range(5):
        rows.nth(number).locator(".pill-ready").wait_for()
    assert page.locator("#fresh .panel").count() == 0


def test_the_end_is_shown_however_late_the_answers_come(visit: "OpenVisit") -> None:
    opened = visit()
    opened.page.add_init_script(_LATE_ANSWERS)
    page = opened.sign_in()
    files = [
        {"name": f"late-{number}.jpg", "mimeType": "image/jpeg", "buffer": an_image(90 + number)}
        for number in range(4)
    ]
    page.locator("#file").set_input_files(files)  # type: ignore[arg-type] # dicts of this shape
    rows = page.locator("#rows .row", has_text="late-")
    for number in range(4):
        rows.nth(number).locator(".pill-ready").wait_for()


def test_a_damaged_file_tells_its_reason_in_words(visit: "OpenVisit") -> None:
    page = visit().sign_in()
    drop(page, "torn.jpg", an_image()[:3000])
    problem = panel(page, "torn.jpg").locator("section.problem:not([hidden])")
    problem.wait_for()
    told = problem.inner_text()
    assert "damaged" in told
    assert "bad_media" in told
    assert "step web" in told
    assert "save it again" in told


def test_a_file_of_no_kind_is_refused_with_the_reason(visit: "OpenVisit") -> None:
    page = visit(allowed=("415",)).sign_in()
    drop(page, "program.exe", b"MZ\x90\x00" + bytes(400), "application/x-msdownload")
    mine = panel(page, "program.exe")
    mine.locator(".pill-rejected").wait_for()
    assert "unsupported_media_type" in mine.locator(".problem").inner_text()


def test_ones_own_recipe_is_checked_while_it_is_written(visit: "OpenVisit") -> None:
    page = visit(allowed=("422",)).sign_in()
    page.get_by_label("Recipe", exact=True).select_option("own")
    written = page.get_by_label("Your recipe")
    said = page.locator("#own-said")
    said.get_by_text("Valid.").wait_for()
    written.fill('{"steps": {"small": {"op": "image.resize", "widht": 64}}}')
    said.get_by_text("Step: small").wait_for()
    told = said.inner_text()
    assert "Field: widht" in told
    assert "Did you mean width?" in told
    assert "width" in told.partition("Allowed:")[2]
    assert written.get_attribute("aria-invalid") == "true"
    drop(page, "held back.jpg", an_image())
    page.wait_for_timeout(300)
    assert page.locator("#fresh .panel").count() == 0
    written.fill('{"steps": {"small": {"op": "image.resize", "width": 64, "format": "png"}}}')
    said.get_by_text("Valid.").wait_for()
    drop(page, "let through.jpg", an_image())
    mine = panel(page, "let through.jpg")
    mine.locator(".pill-ready").wait_for()
    assert mine.locator(".card h3").all_inner_texts() == ["small"]
    assert "image/png" in mine.locator(".card").inner_text()


def test_a_cut_line_is_told_and_mended(visit: "OpenVisit") -> None:
    page = visit(allowed=("ERR_FAILED",)).sign_in()
    page.route("**/assets/events?*", lambda route: route.abort())
    drop(page, "offline.jpg", an_image())
    lost = page.get_by_role("alert")
    lost.get_by_text("connection to mediakiln is lost").wait_for()
    page.unroute("**/assets/events?*")
    panel(page, "offline.jpg").locator(".pill-ready").wait_for()
    lost.wait_for(state="hidden")


def test_a_large_file_goes_in_parts_and_after_a_reload_where_it_was(
    visit: "OpenVisit", client: "Client"
) -> None:
    page = visit(allowed=("ERR_FAILED",)).sign_in()
    page.route("**/parts/2", lambda route: route.abort())
    with page.expect_response(lambda answer: answer.url.endswith("/parts/1")):
        drop(page, "large.jpg", an_image(), zeroes=9 << 20)
    page.reload()
    page.unroute("**/parts/2")
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "PUT" else None)
    with page.expect_response(lambda answer: answer.url.endswith("/complete")) as done:
        drop(page, "large.jpg", an_image(), zeroes=9 << 20)
    assert [url.rpartition("/")[2] for url in sent] == ["2"]
    panel(page, "large.jpg").locator(".pill").wait_for()
    back = io.BytesIO()
    client.download(client.get(done.value.json()["id"]), back)
    assert back.getvalue() == an_image() + bytes(9 << 20)


def test_a_large_file_can_be_cancelled_and_refused(visit: "OpenVisit", client: "Client") -> None:
    page = visit(allowed=("ERR_FAILED", "415")).sign_in()
    page.route("**/parts/2", lambda route: route.abort())
    with page.expect_response(lambda answer: answer.url.endswith("/parts/1")):
        drop(page, "given up.jpg", an_image(), zeroes=9 << 20)
    with page.expect_request(lambda asked: asked.method == "DELETE"):
        panel(page, "given up.jpg").get_by_role("button", name="Cancel").click()
    page.locator("#said", has_text="given up.jpg: You cancelled").wait_for()
    page.unroute("**/parts/2")
    drop(page, "program.jpg", b"MZ", zeroes=9 << 20)
    page.locator("#said", has_text="program.jpg: Programs").wait_for()
    assert "given up.jpg" not in {upload.name for upload in client.uploads.list()}


def test_a_part_that_did_not_change_is_left_alone(visit: "OpenVisit") -> None:
    page = visit().sign_in()
    drop(page, "steady.jpg", an_image())
    mine = panel(page, "steady.jpg")
    mine.locator(".original img").evaluate("(img) => { img.dataset.mine = 'yes' }")
    mine.locator(".pill-ready").wait_for()
    assert mine.locator(".original img").get_attribute("data-mine") == "yes"
