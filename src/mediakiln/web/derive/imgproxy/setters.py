"""What each of imgproxy's processing options sets.

Of an option that comes twice, as where a preset has it too, arguments that the later one leaves out
stay as they were.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final

from mediakiln.web.derive.imgproxy import words
from mediakiln.web.derive.imgproxy.options import (
    FORMATS,
    RESIZINGS,
    SOURCES,
    Crop,
    Extend,
    Mark,
    Options,
    Trim,
)
from mediakiln.web.derive.imgproxy.words import Gravity, number, switch, wrong

_MOST_PIXELS: Final = 1_000_000


def _resize(found: Options, name: str, arguments: list[str]) -> None:
    if arguments and arguments[0]:
        _resizing(found, name, arguments[:1])
    _size(found, name, arguments[1:])


def _resizing(found: Options, name: str, arguments: list[str]) -> None:
    kind = _one(name, arguments)
    if kind not in RESIZINGS:
        raise wrong(name, kind, list(RESIZINGS))
    found.resizing = kind


def _size(found: Options, name: str, arguments: list[str]) -> None:
    width, height, enlarge, extend, *gravity = [*arguments, *[""] * 4][: max(4, len(arguments))]
    if width:
        found.width = _pixels(name, width)
    if height:
        found.height = _pixels(name, height)
    if enlarge:
        found.enlarge = switch(enlarge)
    if extend:
        _extend(found, name, [extend, *gravity])


def _extended(name: str, arguments: list[str], before: Extend | None) -> Extend:
    wanted, *gravity = arguments or [""]
    placed = Gravity() if before is None else before.gravity
    if any(gravity):
        placed = words.gravity(name, gravity, placed)
    if placed.position not in words.POSITIONS.values():
        raise wrong(name, gravity[0], list(words.POSITIONS))
    return Extend(placed, switch(wanted))


def _extend(found: Options, name: str, arguments: list[str]) -> None:
    found.extend = _extended(name, arguments, found.extend)


def _extend_ratio(found: Options, name: str, arguments: list[str]) -> None:
    found.extend_ratio = _extended(name, arguments, found.extend_ratio)


def _crop(found: Options, name: str, arguments: list[str]) -> None:
    width, height, *gravity = [*arguments, "", ""][: max(2, len(arguments))]
    before = found.crop or Crop(0, 0, None)
    found.crop = Crop(
        number(name, width or "0"),
        number(name, height) if height else before.height,
        words.gravity(name, gravity, before.gravity) if any(gravity) else before.gravity,
    )


def _trim(found: Options, name: str, arguments: list[str]) -> None:
    threshold, colour, across, down = [*arguments, *[""] * 4][:4]
    if not threshold:
        found.trim = None
        return
    before = found.trim
    found.trim = Trim(
        number(name, threshold, 0, 255),
        words.colour(name, [colour]),
        switch(across) if across else before is not None and before.equal_horizontal,
        switch(down) if down else before is not None and before.equal_vertical,
    )


def _padding(found: Options, name: str, arguments: list[str]) -> None:
    """As in CSS: a side that is not given is as its opposite one."""
    given = [_pixels(name, side) if side else None for side in [*arguments, *[""] * 4][:4]]
    top = found.padding[0] if given[0] is None else given[0]
    right = top if given[1] is None else given[1]
    bottom = top if given[2] is None else given[2]
    found.padding = (top, right, bottom, right if given[3] is None else given[3])


def _rotate(found: Options, name: str, arguments: list[str]) -> None:
    angle = number(name, _one(name, arguments), -36_000, 36_000, whole=True)
    if angle % 90:
        raise wrong(name, arguments[0], ["0", "90", "180", "270"])
    found.rotate = int(angle) % 360


def _flip(found: Options, name: str, arguments: list[str]) -> None:  # noqa: ARG001 - a setter's signature
    across, down = [*arguments, "", ""][:2]
    found.flip = (
        switch(across) if across else found.flip[0],
        switch(down) if down else found.flip[1],
    )


def _adjust(found: Options, name: str, arguments: list[str]) -> None:
    for setter, argument in zip(("br", "co", "sa"), arguments, strict=False):
        if argument:
            SETTERS[setter](found, name, [argument])


def _watermark(found: Options, name: str, arguments: list[str]) -> None:
    opacity, position, x, y, scale = [*arguments, *[""] * 5][:5]
    mark = found.mark or Mark(1)
    mark.opacity = number(name, opacity or "1", 0, 1)
    if position:
        mark.tile = position == "re"
        if not mark.tile and position not in words.POSITIONS:
            raise wrong(name, position, [*words.POSITIONS, "re"])
        mark.position = words.POSITIONS.get(position, "centre")
    mark.x = number(name, x, -1e6, 1e6) if x else mark.x
    mark.y = number(name, y, -1e6, 1e6) if y else mark.y
    mark.scale = number(name, scale, 0, 10) if scale else mark.scale
    found.mark = mark


def _zoom(found: Options, name: str, arguments: list[str]) -> None:
    across = number(name, _one(name, arguments[:1]), 0.01, 100)
    down = number(name, arguments[1], 0.01, 100) if arguments[1:] else across
    found.zoom = across, down


def _format_quality(found: Options, name: str, arguments: list[str]) -> None:
    if len(arguments) % 2:
        raise wrong(name, ":".join(arguments), ["format:quality:format:quality:…"])
    for format, quality in zip(arguments[::2], arguments[1::2], strict=True):
        found.qualities[_format(name, format)] = int(number(name, quality, 0, 100, whole=True))


def _set_format(found: Options, name: str, arguments: list[str]) -> None:
    found.format = _format(name, _one(name, arguments))


def _format(name: str, text: str, known: Mapping[str, str] = FORMATS) -> str:
    if text not in known:
        raise wrong(name, text, list(known))
    return known[text]


def _skip(found: Options, name: str, arguments: list[str]) -> None:
    found.skipped += tuple(_format(name, argument, SOURCES) for argument in arguments)


def _filename(found: Options, name: str, arguments: list[str]) -> None:
    text, encoded = [*arguments, "", ""][:2]
    if encoded and switch(encoded):
        try:
            padded = text + "=" * (-len(text) % 4)
            text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            raise wrong(name, text, ["base64 of UTF-8"]) from None
    found.filename = text[:255] or None


def _pixels(name: str, text: str) -> int:
    return int(number(name, text, 0, _MOST_PIXELS, whole=True))


def _one(name: str, arguments: list[str]) -> str:
    if len(arguments) != 1:
        raise wrong(name, ":".join(arguments), ["one argument"])
    return arguments[0]


Setter = Callable[[Options, str, list[str]], None]


def _switched(attribute: str) -> Setter:
    def put(found: Options, name: str, arguments: list[str]) -> None:
        setattr(found, attribute, switch(_one(name, arguments)))

    return put


def _counted(attribute: str, low: float, high: float) -> Setter:
    def put(found: Options, name: str, arguments: list[str]) -> None:
        value = number(name, _one(name, arguments) or "0", low, high, whole=True)
        setattr(found, attribute, int(value))

    return put


def _measured(attribute: str, low: float, high: float) -> Setter:
    def put(found: Options, name: str, arguments: list[str]) -> None:
        setattr(found, attribute, number(name, _one(name, arguments), low, high))

    return put


def _gravity(found: Options, name: str, arguments: list[str]) -> None:
    found.gravity = words.gravity(name, arguments or [""], found.gravity)


def _background(found: Options, name: str, arguments: list[str]) -> None:
    found.background = words.colour(name, arguments)


def _version(found: Options, name: str, arguments: list[str]) -> None:  # noqa: ARG001 - a setter's signature
    found.version = ":".join(arguments) or None


def _nothing(found: Options, name: str, arguments: list[str]) -> None:  # noqa: ARG001 - a setter's signature
    """Small pictures inside of files are never taken instead: results only look better."""
    _one(name, arguments)


_NAMED: Final[tuple[tuple[tuple[str, ...], Setter], ...]] = (
    (("resize", "rs"), _resize),
    (("size", "s"), _size),
    (("resizing_type", "rt"), _resizing),
    (("width", "w"), _counted("width", 0, _MOST_PIXELS)),
    (("height", "h"), _counted("height", 0, _MOST_PIXELS)),
    (("min-width", "min_width", "mw"), _counted("min_width", 0, _MOST_PIXELS)),
    (("min-height", "min_height", "mh"), _counted("min_height", 0, _MOST_PIXELS)),
    (("zoom", "z"), _zoom),
    (("dpr",), _measured("dpr", 0.01, 100)),
    (("enlarge", "el"), _switched("enlarge")),
    (("extend", "ex"), _extend),
    (("extend_aspect_ratio", "extend_ar", "exar"), _extend_ratio),
    (("gravity", "g"), _gravity),
    (("crop", "c"), _crop),
    (("trim", "t"), _trim),
    (("padding", "pd"), _padding),
    (("auto_rotate", "ar"), _switched("auto_rotate")),
    (("rotate", "rot"), _rotate),
    (("flip", "fl"), _flip),
    (("background", "bg"), _background),
    (("blur", "bl"), _measured("blur", 0, 100)),
    (("sharpen", "sh"), _measured("sharpen", 0, 10)),
    (("pixelate", "pix", "px"), _counted("pixelate", 0, 1024)),
    (("adjust", "a"), _adjust),
    (("brightness", "br"), _measured("brightness", -255, 255)),
    (("contrast", "co"), _measured("contrast", 0, 2)),
    (("saturation", "sa"), _measured("saturation", 0, 4)),
    (("watermark", "wm"), _watermark),
    (("strip_metadata", "sm"), _switched("strip_metadata")),
    (("keep_copyright", "kcr"), _switched("keep_copyright")),
    (("strip_color_profile", "scp"), _switched("strip_profile")),
    (("quality", "q"), _counted("quality", 0, 100)),
    (("format_quality", "fq"), _format_quality),
    (("max_bytes", "mb"), _counted("max_bytes", 0, 1 << 30)),
    (("format", "f", "ext"), _set_format),
    (("enforce_thumbnail", "eth"), _nothing),
    (("raw",), _switched("raw")),
    (("skip_processing", "skp"), _skip),
    (("return_attachment", "att"), _switched("attachment")),
    (("filename", "fn"), _filename),
    (("expires", "exp"), _measured("expires", 0, 1e12)),
    (("cachebuster", "cb"), _version),
)
SETTERS: Final[Mapping[str, Setter]] = {name: put for names, put in _NAMED for name in names}
MOST: Final[Mapping[Setter, int]] = {
    _resize: 8,
    _size: 7,
    _extend: 4,
    _extend_ratio: 4,
    _crop: 5,
    _trim: 4,
    _padding: 4,
    _flip: 2,
    _adjust: 3,
    _watermark: 7,
    _zoom: 2,
    _filename: 2,
}
"""How many arguments an option takes, where others than one."""
