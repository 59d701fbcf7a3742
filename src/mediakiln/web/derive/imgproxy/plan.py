"""From imgproxy's options to edits, in the order in which imgproxy works."""

from typing import Any, Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.transform import Transform
from mediakiln.web.derive.imgproxy.fitting import Fitted, Shape, fitted, half_up, matters
from mediakiln.web.derive.imgproxy.options import Options
from mediakiln.web.derive.imgproxy.words import shifted

_OUR_FULL: Final = 255 / 100
"""imgproxy's brightness goes from -255 to 255, ours by percent."""

_QUALITIES: Final = {"jpeg": 80, "webp": 79, "avif": 63, "jxl": 77}
"""imgproxy's own, where nobody says; its other formats have none."""

Step = dict[str, Any]


def transform(options: Options, *, shape: Shape | None, mark: str | None) -> Transform:
    """What is to be done.

    Args:
        options: as the address says.
        shape: the source's size, where `fitting.matters` or the resizing type is auto.
        mark: the asset that is the watermark; None where the operator named none.

    Raises:
        InvalidRequest: a watermark is asked for, and there is none.
    """
    if options.raw:
        return Transform(raw=True)
    fit = fitted(options, shape) if shape is not None and matters(options) else None
    resized = _resized(options, shape) if fit is None else _scaled(options, fit)
    steps = [*_cut(options), *resized, *_finished(options, fit)]
    if options.mark is not None:
        steps.append(_marked(options, mark, options.dpr if fit is None else fit.dpr))
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
    return f"{side * 100:g}%" if side < 1 else int(side)


def _scaled(options: Options, fit: Fitted) -> list[Step]:
    """Scaled and cropped to sizes that are known."""
    steps: list[Step] = []
    if fit.scaled != fit.source:
        sides = _sides(fit.scaled)
        steps.append({"op": "image.resize", **sides, "fit": "fill", "enlarge": True})
    if fit.kept != fit.scaled:
        steps.append({"op": "image.crop", **_sides(fit.kept), **options.gravity.placed(fit.dpr)})
    return steps


def _sides(size: tuple[int, int]) -> dict[str, int]:
    return {name: side for name, side in zip(("width", "height"), size, strict=True) if side}


def _resized(options: Options, shape: Shape | None) -> list[Step]:
    box = _box(options)
    least = {"min_width": options.min_width, "min_height": options.min_height}
    least = {name: side for name, side in least.items() if side}
    if not box and not least:
        return []
    step: Step = {"op": "image.resize", "enlarge": options.enlarge, **least}
    step |= box
    kind = _kind(options, box, shape)
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
    return {name: max(1, half_up(side)) for name, side in sides.items() if side}


def _kind(options: Options, box: dict[str, int], shape: Shape | None) -> str:
    if options.resizing != "auto":
        return options.resizing
    if len(box) < len(("width", "height")) or shape is None:
        return "fit"
    landscape = shape.width >= shape.height
    return "fill" if landscape == (box["width"] >= box["height"]) else "fit"


def _finished(options: Options, fit: Fitted | None) -> list[Step]:
    """Adjusted, extended, padded, laid on a ground."""
    steps = _adjusted(options)
    ground = {"background": options.background} if options.background else {}
    dpr = options.dpr if fit is None else fit.dpr
    steps += [{**step, **ground} for step in _extended(options, fit, dpr)]
    if any(options.padding):
        top, right, bottom, left = (round(side * dpr) for side in options.padding)
        sides = {"top": top, "right": right, "bottom": bottom, "left": left}
        steps.append({"op": "image.pad", **sides, **ground})
    if ground:
        steps.append({"op": "image.pad", "flatten": True, **ground})
    return steps


def _adjusted(options: Options) -> list[Step]:
    changes = {
        "brightness": round(options.brightness / _OUR_FULL, 3),
        "contrast": round((options.contrast - 1) * 100, 3),
        "saturation": round((options.saturation - 1) * 100, 3),
        "blur": options.blur,
        "sharpen": options.sharpen,
    }
    made = {name: value for name, value in changes.items() if value}
    steps: list[Step] = [{"op": "image.adjust", **made}] if made else []
    if options.pixelate > 1:
        # imgproxy makes squares of what is sharpened already; ours the other way round.
        steps.append({"op": "image.adjust", "pixelate": options.pixelate})
    return steps


def _extended(options: Options, fit: Fitted | None, dpr: float) -> list[Step]:
    """Extended to the box, and to its shape."""
    steps: list[Step] = []
    inner = (0, 0) if fit is None else fit.kept
    box = _box(options)
    if options.extend is not None and box:
        to = box if fit is None else _sides(fit.target)
        outer = max(inner[0], to.get("width", 0)), max(inner[1], to.get("height", 0))
        placed = options.extend.gravity.around(inner, outer, dpr)
        steps.append({"op": "image.pad", **to, **placed})
        inner = outer
    if options.extend_ratio is not None and len(box) == len(("width", "height")):
        shape = {"ratio": f"{box['width']}:{box['height']}"}
        placed = options.extend_ratio.gravity.around(inner, fit.ratio if fit else inner, dpr)
        steps.append({"op": "image.pad", **(_sides(fit.ratio) if fit else shape), **placed})
    return steps


def _marked(options: Options, mark: str | None, dpr: float) -> Step:
    wanted = options.mark
    if mark is None or wanted is None:
        raise InvalidRequest(
            "there is no watermark here",
            field="watermark",
            hint="name an asset in the setting imgproxy_watermark",
        )
    step: Step = {"op": "image.watermark", "image": mark, "opacity": wanted.opacity}
    step |= {"width": "own", "overflow": True, "position": wanted.position}
    if wanted.scale:
        share = f"{wanted.scale * 100:g}%"
        step |= {"width": share, "height": share}
    across, down = shifted(wanted.x, dpr), shifted(wanted.y, dpr)
    if wanted.tile:
        return {**step, "tile": True, "space_x": across, "space_y": down}
    return {**step, "offset_x": across, "offset_y": down}


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
    if options.quality:
        encoding["qualities"] = dict.fromkeys(_QUALITIES, options.quality)
    else:
        asked = {name: quality for name, quality in options.qualities.items() if quality}
        encoding["qualities"] = {name: asked.get(name, usual) for name, usual in _QUALITIES.items()}
    if options.max_bytes:
        encoding |= {"max_bytes": max(64, options.max_bytes), "max_bytes_strict": False}
    if options.background is not None:
        encoding["background"] = options.background
    return encoding
