"""OpenSeadragon, in a real browser on a page of another origin, zooms into assets."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pyvips

from support.browser import chromium
from support.platform import Platform, platform
from support.servers import server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.engines,
    pytest.mark.xdist_group("iiif"),
    pytest.mark.timeout(300),  # a browser beside all the servers, on two cores
]

WIDTH, HEIGHT = 6000, 4000
MARK = 200
"""Pixels of the side of the square in each corner."""
CORNERS = {
    (0, 0): (220, 20, 30),
    (1, 0): (20, 180, 40),
    (0, 1): (30, 40, 210),
    (1, 1): (230, 200, 20),
}
"""Left or right, top or bottom: its colour."""
MIDDLE = (128, 128, 128)
LOSS = 12
"""How far a channel may be off after two lossy encodings."""

PAGE = """<!doctype html><title>Zoom</title>
<div id="viewer" style="width: 800px; height: 600px"></div>
<script src="openseadragon.min.js"></script>
<script>
const failed = [], loaded = [];
function show(source) {
  window.viewer = OpenSeadragon({
    id: "viewer", tileSources: source, crossOriginPolicy: "Anonymous",
    showNavigationControl: false, animationTime: 0, blendTime: 0,
  });
  viewer.addHandler("open-failed", (event) => failed.push(event.message));
  viewer.addHandler("tile-load-failed", (event) => failed.push(event.message));
  viewer.addHandler("tile-loaded", (event) => loaded.push(event.tile.getUrl()));
}
function settled() {
  const image = window.viewer && viewer.world.getItemAt(0);
  return failed.length > 0 || Boolean(image && image.getFullyLoaded());
}
async function look(x, y) {
  const middle = viewer.world.getItemAt(0).imageToViewportCoordinates(x, y);
  viewer.viewport.zoomTo(viewer.world.getItemAt(0).imageToViewportZoom(1), null, true);
  viewer.viewport.panTo(middle, true);
  viewer.forceRedraw();
  // The frame after the next knows which tiles are wanting.
  for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
}
function colour(x, y) {
  const image = viewer.world.getItemAt(0), canvas = viewer.drawer.canvas;
  const at = viewer.viewport.pixelFromPoint(image.imageToViewportCoordinates(x, y), true);
  const dense = OpenSeadragon.pixelDensityRatio;
  const read = canvas.getContext("2d").getImageData(at.x * dense, at.y * dense, 1, 1);
  return Array.from(read.data.slice(0, 3));
}
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Addresses of images must be signed here."""
    server("OPENSEADRAGON", "iiif")
    with platform(tmp_path_factory.mktemp("zoom"), settings={"IMAGES_SIGNED": "1"}) as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that has nothing but the viewer."""
    script = Path(server("OPENSEADRAGON", "iiif"))
    folder = tmp_path_factory.mktemp("page")
    (folder / script.name).write_bytes(script.read_bytes())
    (folder / "index.html").write_text(PAGE)
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as made:
        yield made


@pytest.fixture
def page(browser: "Browser", elsewhere: str) -> Iterator["Page"]:
    """A window on that page; an error in it fails the test."""
    made = browser.new_page(viewport={"width": 820, "height": 640})
    made.set_default_timeout(100_000)
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.goto(elsewhere)
    yield made
    made.close()
    assert wrong == []


def upright() -> pyvips.Image:
    """24 megapixels of grey, with a square of another colour in each corner."""
    image = pyvips.Image.black(WIDTH, HEIGHT, bands=3) + MIDDLE
    for (right, low), colour in CORNERS.items():
        mark = pyvips.Image.black(MARK, MARK, bands=3) + colour
        image = image.insert(mark, right * (WIDTH - MARK), low * (HEIGHT - MARK))
    return image.cast("uchar").copy(interpretation="srgb")


def jpeg(image: pyvips.Image) -> bytes:
    return bytes(image.jpegsave_buffer(Q=95, subsample_mode="off"))


def lying() -> bytes:
    """The same, stored on its side: a viewer has to turn it clockwise by 90 degrees."""
    turned = upright().rot270()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    return jpeg(turned)


@pytest.mark.parametrize(
    ("name", "made"),
    [("upright.jpg", lambda: jpeg(upright())), ("lying.jpg", lying)],
    ids=["upright", "turned by EXIF"],
)
def test_every_corner_is_seen_as_it_is(
    site: Platform, page: "Page", name: str, made: Callable[[], bytes]
) -> None:
    with site.client() as client:
        asset = client.submit(made(), name=name)
    done = site.command("url", "sign", f"/iiif/{asset.id}")
    assert done.returncode == 0, done.stderr
    signed = done.stdout.strip()
    page.evaluate("show", f"{site.url}{signed}/info.json")
    page.wait_for_function("settled()")
    assert page.evaluate("failed") == []
    for (right, low), expected in CORNERS.items():
        page.evaluate(f"look({right * WIDTH}, {low * HEIGHT})")
        page.wait_for_function("settled()")
        assert page.evaluate("failed") == []
        for inwards, colour in ((MARK - 10, expected), (MARK + 10, MIDDLE)):
            x = WIDTH - inwards if right else inwards
            y = HEIGHT - inwards if low else inwards
            assert page.evaluate(f"colour({x}, {y})") == pytest.approx(colour, abs=LOSS)
    loaded = page.evaluate("loaded")
    assert all(f"{site.url}{signed}/" in each for each in loaded)
    # At 1:1, where it looked last, these are the tiles of the image itself.
    left, top = WIDTH - WIDTH % 512, HEIGHT - HEIGHT % 512
    assert any(f"/{left},{top},{WIDTH - left},{HEIGHT - top}/" in each for each in loaded)
