"""From imgproxy's options to edits, in the order in which imgproxy works."""

from typing import Any, Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.transform import Transform
from mediakiln.web.derive.imgproxy.options import Options

_OUR_FULL: Final = 255 / 100
"""imgproxy's brightness goes from -255 to 255, ours by percent."""

Step = dict[str, Any]


def transform(options: Options, *, landscape: bool | None, mark: str | None) -> Transform:
    """What is to be done.

    Args:
        options: as the address says.
        landscape: whether the source, as it lies after its rotation, is wider than high; needed
            for the resizing type auto alone.
        mark: the asset that is the watermark; None where the operator named none.

    Raises:
        InvalidRequest: a watermark is asked for, and there is none.
    """
    if options.raw:
        return Transform(raw=True)
    steps = [*_cut(options), *_resized(options, landscape), *_finished(options)]
    if options.mark is not None:
        steps.append(_marked(options, mark))
    return Transform(steps=tuple(steps), encoding=_encoding(options))


def _cut(options: Options) -> list[Step]:
    """Trimmed, turned, cropped."""
    steps: list[Step] = []
    if options.trim is not None:
        trim = options.trim
        equal = {
            "equal_horizontal": trim.equal_horizontal,
            "equal_vertical": trim.equal_vertical,
        }
        coloured = {"border_colour": trim.colour} if trim.colour else {}
        steps.append({"op": "image.trim", "threshold": trim.threshold, **coloured, **equal})
    across, down = options.flip
    if options.rotate or across or down or not options.auto_rotate:
        # imgproxy turns first and mirrors then; ours the other way round.
        swapped = options.rotate % 180 != 0
        mirrored = {
            "flip_horizontal": down if swapped else across,
            "flip_vertical": across if swapped else down,
        }
        turn = {"angle": options.rotate, "orient": options.auto_rotate}
        steps.append({"op": "image.rotate", **turn, **mirrored})
    if options.crop is not None and (options.crop.width or options.crop.height):
        sides = {"width": options.crop.width, "height": options.crop.height}
        box = {name: _share(side) for name, side in sides.items() if side}
        gravity = options.crop.gravity or options.gravity
        steps.append({"op": "image.crop", **box, **gravity.placed()})
    return steps


def _share(side: float) -> int | str:
    return f"{side * 100:g}%" if side < 1 else round(side)


def _resized(options: Options, landscape: bool | None) -> list[Step]:
    box = _box(options)
    least = {"min_width": options.min_width, "min_height": options.min_height}
    least = {name: side for name, side in least.items() if side}
    if not box and not least:
        return []
    step: Step = {"op": "image.resize", "enlarge": options.enlarge, **least}
    step |= box
    kind = _kind(options, box, landscape)
    if kind == "force" and len(box) == len(("width", "height")):
        return [{**step, "fit": "fill"}]
    if kind in {"fit", "force"} or len(box) < len(("width", "height")):
        return [{**step, "fit": "inside"}]
    if kind == "fill-down":
        return [{**step, "fit": "cover", **options.gravity.placed(options.dpr)}]
    # Whatever is then smaller than the box stays so: imgproxy's fill keeps no shape.
    crop: Step = {"op": "image.crop", **box, **options.gravity.placed(options.dpr)}
    return [{**step, "fit": "outside"}, crop]


def _box(options: Options) -> dict[str, int]:
    across, down = options.zoom
    sides = {
        "width": options.width * across * options.dpr,
        "height": options.height * down * options.dpr,
    }
    return {name: max(1, round(side)) for name, side in sides.items() if side}


def _kind(options: Options, box: dict[str, int], landscape: bool | None) -> str:
    if options.resizing != "auto":
        return options.resizing
    if len(box) < len(("width", "height")):
        return "fit"
    return "fill" if landscape == (box["width"] >= box["height"]) else "fit"


def _finished(options: Options) -> list[Step]:
    """Adjusted, extended, padded, laid on a ground."""
    steps: list[Step] = []
    changes = {
        "brightness": round(options.brightness / _OUR_FULL, 3),
        "contrast": round((options.contrast - 1) * 100, 3),
        "saturation": round((options.saturation - 1) * 100, 3),
        "blur": options.blur,
        "sharpen": options.sharpen,
        "pixelate": options.pixelate,
    }
    if any(changes.values()):
        made = {name: value for name, value in changes.items() if value}
        steps.append({"op": "image.adjust", **made})
    ground = {"background": options.background} if options.background else {}
    box = _box(options)
    for extend, ratio in (options.extend, False), (options.extend_ratio, True):
        if extend is None or len(box) < (len(("width", "height")) if ratio else 1):
            continue
        to = {"ratio": f"{box['width']}:{box['height']}"} if ratio else box
        placed = extend.gravity.placed(options.dpr)
        steps.append({"op": "image.pad", **to, **placed, **ground})
    if any(options.padding):
        top, right, bottom, left = (round(side * options.dpr) for side in options.padding)
        sides = {"top": top, "right": right, "bottom": bottom, "left": left}
        steps.append({"op": "image.pad", **sides, **ground})
    if ground:
        steps.append({"op": "image.pad", "flatten": True, **ground})
    return steps


def _marked(options: Options, mark: str | None) -> Step:
    wanted = options.mark
    if mark is None or wanted is None:
        raise InvalidRequest(
            "there is no watermark here",
            field="watermark",
            hint="name an asset in the setting imgproxy_watermark",
        )
    step: Step = {"op": "image.watermark", "image": mark, "opacity": wanted.opacity}
    if wanted.scale:
        step["width"] = f"{wanted.scale * 100:g}%"
    if wanted.tile:
        return {**step, "tile": True, "gap": 0}
    shifts = {"offset_x": _offset(wanted.x), "offset_y": _offset(wanted.y)}
    return {**step, "position": wanted.position, **shifts}


def _offset(length: float) -> int | str:
    return f"{length * 100:g}%" if 0 < abs(length) < 1 else round(length)


def _encoding(options: Options) -> dict[str, Any]:
    metadata = "strip" if options.strip_metadata else "keep"
    if options.strip_metadata and options.keep_copyright:
        metadata = "copyright"
    encoding: dict[str, Any] = {"metadata": metadata}
    if not options.strip_profile:
        encoding["colour"] = "source"
    elif metadata != "strip":
        encoding["colour"] = "srgb"
    if options.format is not None:
        encoding["format"] = options.format
    quality = options.qualities.get(options.format or "") or options.quality
    if quality and options.format != "gif":
        encoding["quality"] = quality
    if options.max_bytes:
        encoding |= {"max_bytes": max(64, options.max_bytes), "max_bytes_strict": False}
    if options.background is not None:
        encoding["background"] = options.background
    return encoding
