"""Drawings, containers and files of several natures, made to do harm: name to bytes."""

import gzip
import io
import struct
import zipfile
from base64 import b64encode
from collections.abc import Mapping

from golden.hostile_rasters import Maker, encoded, png

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="100" height="50">'
)
BODY = '<rect width="100" height="50" fill="#30a040"/></svg>'


def svg(inside: str, before: str = "", head: str = HEAD) -> bytes:
    """A drawing: a green rectangle behind what is given."""
    return f"{before}{head}{inside}{BODY}".encode()


def sized(width: str, height: str) -> bytes:
    """A drawing that says it is of this size."""
    return svg(
        "", head=f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    )


def _doubling(element: str, depth: int) -> bytes:
    """Groups that use the one before them twice."""
    groups = '<g id="g0"><circle r="3"/></g>' + "".join(
        f'<g id="g{n}">' + f'<{element} xlink:href="#g{n - 1}"/>' * 2 + "</g>"
        for n in range(1, depth)
    )
    return svg(f'<defs>{groups}</defs><{element} xlink:href="#g{depth - 1}"/>')


def _entities() -> bytes:
    """One large entity, used often."""
    declared = f'<!DOCTYPE svg [<!ENTITY a "{"a" * 3_000}">]>'
    return svg(f"<text>{'&a;' * 20_000}</text>", declared)


def _laughs() -> bytes:
    layers = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return svg("<text>&a11;</text>", f'<!DOCTYPE svg [<!ENTITY a0 "ha">{layers}]>')


def _filter(inside: str) -> bytes:
    shape = '<rect width="100" height="50" filter="url(#f)"/>'
    return svg(f'<filter id="f">{inside}</filter>{shape}')


def _inline(data: bytes, kind: str) -> bytes:
    return svg(
        f'<image href="data:{kind};base64,{b64encode(data).decode()}" width="9" height="9"/>'
    )


def _matryoshka() -> bytes:
    """Drawings inside drawings."""
    data = svg("")
    for _ in range(12):
        data = _inline(data, "image/svg+xml")
    return data


DRAWINGS: Mapping[str, Maker] = {
    "scripts.svg": lambda: svg(
        '<script>alert(1)</script><a href="javascript:alert(1)"><circle onclick="x()" r="9"/></a>'
    ),
    "foreign.svg": lambda: svg(
        '<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="file:///etc/passwd"/>'
        "</foreignObject>"
    ),
    "laughs.svg": _laughs,
    "entities.svg": _entities,
    "itself.svg": lambda: svg('<g id="a"><use xlink:href="#a"/></g>'),
    "each-other.svg": lambda: svg(
        '<g id="a"><use xlink:href="#b"/></g><g id="b"><use xlink:href="#a"/></g>'
    ),
    "doubling.svg": lambda: _doubling("use", 40),
    "patterns.svg": lambda: svg(
        '<pattern id="p" width="1" height="1"><rect width="9" height="9" fill="url(#p)"/></pattern>'
        '<rect width="9" height="9" fill="url(#p)"/>'
    ),
    "masks.svg": lambda: svg(
        '<mask id="m"><rect width="9" height="9" mask="url(#m)"/></mask>'
        '<rect width="9" height="9" mask="url(#m)"/>'
    ),
    "clips.svg": lambda: svg(
        '<clipPath id="c" clip-path="url(#c)"><rect width="9" height="9"/></clipPath>'
        '<rect width="9" height="9" clip-path="url(#c)"/>'
    ),
    "gradients.svg": lambda: svg(
        '<linearGradient id="a" href="#b"/><linearGradient id="b" href="#a"/>'
        '<rect width="9" height="9" fill="url(#a)"/>'
    ),
    "markers.svg": lambda: svg(
        '<marker id="m"><path d="M0 0L9 9" marker-end="url(#m)"/></marker>'
        '<path d="M0 0L9 9" marker-end="url(#m)"/>'
    ),
    "blur.svg": lambda: _filter('<feGaussianBlur stdDeviation="1000000"/>'),
    "turbulence.svg": lambda: _filter('<feTurbulence numOctaves="999999999" baseFrequency="9"/>'),
    "morphology.svg": lambda: _filter('<feMorphology operator="dilate" radius="100000"/>'),
    "convolution.svg": lambda: _filter(
        f'<feConvolveMatrix order="99" kernelMatrix="{"1 " * 9801}"/>' * 30
    ),
    "filters.svg": lambda: _filter('<feGaussianBlur stdDeviation="50"/>' * 5_000),
    "nested.svg": lambda: svg("<g>" * 100_000 + "</g>" * 100_000),
    "elements.svg": lambda: svg('<rect width="9" height="9"/>' * 300_000),
    "path.svg": lambda: svg(f'<path stroke="red" d="M0 0{"L9 9L0 1" * 100_000}"/>'),
    "dashes.svg": lambda: svg(
        '<path stroke="red" stroke-dasharray="0.00001" d="M0 0L1000000 1000000"/>'
    ),
    "giant.svg": lambda: sized("1e9", "1e9"),
    "infinite.svg": lambda: sized("1e99", "9"),
    "thin.svg": lambda: sized("1e7", "1"),
    "nothing.svg": lambda: sized("0", "0"),
    "negative.svg": lambda: sized("-5", "-5"),
    "inline-header.svg": lambda: _inline(png(60_000, 60_000), "image/png"),
    "inline-content.svg": lambda: _inline(
        png(14_000, 14_000, pixels=bytes(14_000 * 1751), depth=1), "image/png"
    ),
    "inline-drawings.svg": _matryoshka,
    "packed.svgz": lambda: gzip.compress(svg("<g/>" * 5_000_000), 9),
    "cut.svg": lambda: svg("")[:-20],
    "not-utf8.svg": lambda: svg("\u00e9\u00e8").decode().encode("latin-1"),
    "utf16.svg": lambda: svg("").decode().encode("utf-16"),
}  # fmt: skip
"""Drawings that refer to themselves, or ask for more than anybody draws."""


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, *parts: bytes) -> bytes:
    return _box(kind, bytes(4), *parts)


def heif(
    brand: bytes,
    *,
    kind: bytes = b"hvc1",
    size: tuple[int, int] = (64, 64),
    references: bytes = b"",
    items: int = 1,
    data: bytes = bytes(64),
) -> bytes:
    """A HEIF of items that refer to whatever is given, with nothing sensible as pixels."""
    start = _box(b"ftyp", brand, bytes(4), b"mif1", brand)
    entries = [
        _box(b"infe", b"\2\0\0\0", struct.pack(">HH", n + 1, 0), kind, b"\0") for n in range(items)
    ]
    places = b"".join(
        struct.pack(">HHHII", n + 1, 0, 1, 0xFFFFFF00 if n else 600, len(data))
        for n in range(items)
    )
    shape = _full(b"ispe", struct.pack(">II", *size))
    links = b"".join(struct.pack(">HBB", n + 1, 1, 0x81) for n in range(items))
    meta = _full(
        b"meta",
        _full(b"hdlr", bytes(4), b"pict", bytes(13)),
        _full(b"pitm", struct.pack(">H", 1)),
        _full(b"iinf", struct.pack(">H", items), *entries),
        _full(b"iloc", b"\x44\0", struct.pack(">H", items), places),
        _full(b"iref", references) if references else b"",
        _box(b"iprp", _box(b"ipco", shape), _full(b"ipma", struct.pack(">I", items), links)),
    )
    return (start + meta + _box(b"mdat", data)).ljust(700, b"\0")


def _reference(kind: bytes, source: int, *targets: int) -> bytes:
    return _box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def _looping(brand: bytes) -> dict[str, Maker]:
    """Files of one brand."""
    codec = b"hvc1" if brand == b"heic" else b"av01"
    grid = b"\0\1\xff\xff" + struct.pack(">II", 1 << 30, 1 << 30)
    itself, parts = _reference(b"dimg", 1, 1), _reference(b"dimg", 1, *[1] * 500)
    each_other = _reference(b"dimg", 1, 2) + _reference(b"dimg", 2, 1)
    start = heif(brand)[:24]
    return {
        "plain": lambda: heif(brand, kind=codec),
        "header": lambda: heif(brand, kind=codec, size=(1 << 20, 1 << 20)),
        "itself": lambda: heif(brand, kind=b"iden", references=itself),
        "grid": lambda: heif(brand, kind=b"grid", references=parts, data=grid),
        "overlay": lambda: heif(brand, kind=b"iovl", items=2, references=each_other),
        "thumbnail": lambda: heif(brand, kind=codec, references=_reference(b"thmb", 1, 1)),
        "many": lambda: heif(brand, kind=codec, items=60_000),
        "boxes": lambda: start + b"\0\0\xff\xffmeta" * 9_000,
        "sizes": lambda: start + b"\0\0\0\1meta" + b"\xff" * 64,
        "zero": lambda: start + b"\0\0\0\0meta" + bytes(64),
    }


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Applet.class", b"\xca\xfe\xba\xbe")
    return buffer.getvalue()


CONTAINERS: Mapping[str, Maker] = {
    **{f"{name}.heic": maker for name, maker in _looping(b"heic").items()},
    **{f"{name}.avif": maker for name, maker in _looping(b"avif").items()},
    "header.jxl": lambda: b"\xff\x0a" + b"\xff" * 200,
    "boxes.jxl": lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\1jxlc" + b"\xff" * 100,
}
"""ISO base media files whose boxes loop, lie or are too many."""

HTML = b"<html><script>alert(document.domain)</script></html>"
POLYGLOTS: Mapping[str, Maker] = {
    "gifar.gif": lambda: encoded("GIF") + _zip(),
    "page.jpg": lambda: (
        encoded("JPEG")[:2] + struct.pack(">BBH", 0xFF, 0xFE, len(HTML) + 2) + HTML
        + encoded("JPEG")[2:]
    ),
    "document.jpg": lambda: encoded("JPEG") + b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript>>>>",
    "script.gif": lambda: encoded("GIF") + b"=1;alert(1)//",
    "program.png": lambda: encoded("PNG") + b"<?php system($_GET[0]); ?>",
}  # fmt: skip
"""Sound images that are something else besides: what is made of them is an image alone."""

MASKED = (
    b"<?xml version='1.0'?><image><read filename='/etc/passwd'/><write filename='x.php'/></image>"
)
STRANGERS: Mapping[str, Maker] = {
    "empty.png": lambda: b"",
    "one-byte.jpg": lambda: b"\xff",
    "page.html.jpg": lambda: HTML + encoded("JPEG"),
    "document.pdf.jpg": lambda: b"%PDF-1.4\n" + encoded("JPEG"),
    "postscript.eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd)(r)file",
    "postscript.jpg": lambda: b"%!PS\n{ exch (%pipe%id) (w) file } loop",
    "dos.eps": lambda: b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, 99) + bytes(99),
    "magick.mvg": lambda: (
        b"push graphic-context\nviewbox 0 0 640 480\n"
        b"fill 'url(https://127.0.0.1/x.jpg\"|id\")'\npop graphic-context"
    ),
    "magick.msl": lambda: MASKED,
    "magick.svg": lambda: svg('<image xlink:href="msl:/etc/passwd" width="9" height="9"/>'),
    "caption.txt": lambda: b"caption:@/etc/passwd",
    "photoshop.psd": lambda: b"8BPS\0\1" + bytes(2_000),
    "flash.fli": lambda: bytes(4) + b"\x12\xaf" + bytes(2_000),
    "matrix.mat": lambda: b"MATLAB 5.0 MAT-file" + bytes(2_000),
    "vips.v": lambda: b"\xb6\xa6\xf2\x08" + bytes(2_000),
    "fits.fits": lambda: b"SIMPLE  =                    T" + bytes(2_000),
    "analyze.hdr": lambda: struct.pack("<I", 348) + bytes(344),
    "exr.exr": lambda: b"v/1\x01\2\0\0\0" + bytes(2_000),
    "radiance.hdr": lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n" + bytes(200),
    "numbers.csv": lambda: b"1,2,3\n" * 100,
    "dicom.dcm": lambda: bytes(128) + b"DICM" + bytes(2_000),
    "meta.wmf": lambda: b"\xd7\xcd\xc6\x9a" + bytes(2_000),
    "windows.emf": lambda: b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(2_000),
    "djvu.djvu": lambda: b"AT&TFORM" + bytes(2_000),
    "sun.ras": lambda: b"\x59\xa6\x6a\x95" + bytes(2_000),
    "icon.icns": lambda: b"icns" + b"\xff" * 2_000,
}  # fmt: skip
"""Files of kinds that have harmed others: none of them is tried."""
