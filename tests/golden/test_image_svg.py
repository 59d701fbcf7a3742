"""SVG is drawn, and nothing it refers to is opened or fetched."""

import base64
import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from golden import hostile_others
from golden.hostile_rasters import png
from golden.image_samples import pixels
from mediakiln.model.errors import BadMedia, MediakilnError, TooManyPixels
from mediakiln.model.product import Product

Resize = Callable[..., tuple[Path, Product]]

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="100" height="50">'
)
ENTITIES = "".join(f'<!ENTITY n{n} "http://ns.example.org/{n}/">' for n in range(40))
REFERENCES = {
    "image href": HEAD + '<image href="{url}" width="100" height="50"/></svg>',
    "image xlink": HEAD + '<image xlink:href="{url}" width="100" height="50"/></svg>',
    "use": HEAD + '<use href="{url}#a"/></svg>',
    "filter": HEAD
    + '<filter id="f"><feImage href="{url}"/></filter>'
    + '<rect width="100" height="50" filter="url(#f)"/></svg>',
    "style import": HEAD + '<style>@import url("{url}");</style><rect width="9" height="9"/></svg>',
    "stylesheet": '<?xml-stylesheet href="{url}" type="text/css"?>' + HEAD + "</svg>",
    "font": HEAD
    + '<style>@font-face {{font-family: F; src: url("{url}")}}</style>'
    + '<text y="20" font-family="F">text</text></svg>',
    "entity": '<!DOCTYPE svg [<!ENTITY e SYSTEM "{url}">]>' + HEAD + "<text>&e;</text></svg>",
    "dtd": '<!DOCTYPE svg SYSTEM "{url}">' + HEAD + "</svg>",
    "include": HEAD
    + '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}" parse="text"/></svg>',
}


def test_a_vector_is_drawn_at_the_size_asked_for(resized: Resize, tmp_path: Path) -> None:
    source = tmp_path / "v.svg"
    source.write_text(HEAD + '<rect width="50" height="50" fill="#c02040"/></svg>')
    path, product = resized(source, width=1000)
    assert (product.metadata["width"], product.metadata["height"]) == (1000, 500)
    shown = pixels(path, "RGBA")
    assert np.allclose(shown[250, 498], (192, 32, 64, 255), atol=1)
    assert shown[250, 501, 3] == 0, "the edge must be sharp: drawn, not scaled up"


@pytest.mark.parametrize("name", REFERENCES)
def test_a_file_it_names_is_never_opened(resized: Resize, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secrets" / "secret.svg"
    secret.parent.mkdir()
    secret.write_text(HEAD + '<g id="a"><rect width="100" height="50" fill="red"/></g></svg>')
    for url in (secret.as_uri(), str(secret), "secrets/secret.svg"):
        source = tmp_path / "evil.svg"
        source.write_text(REFERENCES[name].format(url=url))
        with _opened_in(secret.parent) as opened:
            _tried(resized, source)
        assert opened == [], f"{name} with {url} opened {opened}"


@pytest.mark.parametrize("name", REFERENCES)
def test_an_address_it_names_is_never_called(resized: Resize, tmp_path: Path, name: str) -> None:
    with _listening() as (port, calls):
        source = tmp_path / "evil.svg"
        source.write_text(REFERENCES[name].format(url=f"http://127.0.0.1:{port}/x.svg"))
        _tried(resized, source)
    assert calls == []


def test_the_watch_would_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with _opened_in(tmp_path) as opened:
        (tmp_path / "file").read_text()
    assert opened == ["file"]


def test_an_image_inside_the_file_is_drawn(resized: Resize, tmp_path: Path) -> None:
    inner = tmp_path / "inner.png"
    Image.new("RGB", (4, 4), (0, 128, 255)).save(inner)
    data = base64.b64encode(inner.read_bytes()).decode()
    source = tmp_path / "v.svg"
    source.write_text(
        HEAD + f'<image href="data:image/png;base64,{data}" width="50" height="50"/></svg>'
    )
    path, _ = resized(source, width=100)
    assert np.allclose(pixels(path, "RGBA")[25, 25], (0, 128, 255, 255), atol=1)


@pytest.mark.parametrize("layers", [0, 2])
def test_an_image_inside_is_held_against_the_limit(
    resized: Resize, tmp_path: Path, layers: int
) -> None:
    drawing = hostile_others.DRAWINGS["inline-content.svg"]()
    for _ in range(layers):
        inner = base64.b64encode(drawing).decode()
        drawing = (HEAD + f'<image href="data:image/svg+xml;base64,{inner}"/></svg>').encode()
    source = tmp_path / "v.svg"
    source.write_bytes(drawing)
    with pytest.raises(TooManyPixels) as refused:
        resized(source, width=100)
    assert refused.value.context["value"] == 14_000 * 14_000
    assert refused.value.context["limit"] == 50_000_000


@pytest.mark.parametrize(
    "written",
    [
        lambda data: "data:image/png," + quote(data),
        lambda data: "data:;base64," + base64.b64encode(data).decode(),
        lambda data: "data:image/png;base64,%69" + base64.b64encode(data).decode()[1:],
        lambda data: "&#100;a&#x74;a:image/png;base64," + base64.b64encode(data).decode(),
    ],
    ids=["percent", "untyped", "percent in base64", "numbered"],
)
def test_however_an_image_inside_is_written_it_is_held_against_the_limit(
    resized: Resize, tmp_path: Path, written: Callable[[bytes], str]
) -> None:
    bomb = png(14_000, 14_000, pixels=bytes(14_000 * 1_751), depth=1)
    source = tmp_path / "v.svg"
    source.write_text(HEAD + f'<image href="{written(bomb)}" width="9" height="9"/></svg>')
    with pytest.raises(TooManyPixels):
        resized(source, width=100)


def test_entities_that_multiply_are_refused(resized: Resize, tmp_path: Path) -> None:
    layers = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    source = tmp_path / "laughs.svg"
    source.write_text(f'<!DOCTYPE svg [<!ENTITY a0 "ha">{layers}]>{HEAD}<text>&a11;</text></svg>')
    with pytest.raises(BadMedia):
        resized(source, width=100)


def _tried(resized: Resize, source: Path) -> None:
    """Draw it or refuse it: both are fine, as long as nothing is read."""
    try:
        path, _ = resized(source, width=100)
    except MediakilnError:
        return
    shown = pixels(path, "RGBA")
    red = (shown[..., 0] > 200) & (shown[..., 1] < 50) & (shown[..., 3] > 200)
    assert not red.any(), "the file's content was drawn"


@contextmanager
def _opened_in(folder: Path) -> Iterator[list[str]]:
    """Names of files in `folder` that this process opens meanwhile, by inotify."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    in_open = 0x20
    assert libc.inotify_add_watch(watch, os.fsencode(folder), in_open) >= 0
    names: list[str] = []
    try:
        yield names
        data = os.read(watch, 65536)
    except BlockingIOError:
        data = b""
    finally:
        os.close(watch)
    while data:
        _, _, _, length = struct.unpack_from("iIII", data)
        names.append(data[16 : 16 + length].rstrip(b"\0").decode())
        data = data[16 + length :]


@pytest.mark.parametrize(
    "before",
    [
        f"<!-- {'x' * 1_200} -->",
        f"<?xml version='1.0'?><!-- {'x' * 5_000} -->",
        f"<!DOCTYPE svg [{ENTITIES}]>",
    ],
)
def test_a_drawing_may_stand_behind_a_long_prelude(
    resized: Resize, tmp_path: Path, before: str
) -> None:
    source = tmp_path / "long.svg"
    source.write_text(f'{before}{HEAD}<rect width="100" height="50" fill="red"/></svg>')
    path, _ = resized(source, width=50, format="png")
    assert (pixels(path) == (255, 0, 0)).all()


@contextmanager
def _listening() -> Iterator[tuple[int, list[str]]]:
    """A port on which every connection is noted."""
    calls: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        done = threading.Event()

        def accept() -> None:
            while not done.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                calls.append(str(address))
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], calls
        finally:
            done.set()
            thread.join()
