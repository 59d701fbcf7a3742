"""From an image's own colours to those of the result."""

from typing import Any, Final

import pyvips

from mediakiln.operations.image.pixels.managed import profiles
from mediakiln.operations.image.pixels.managed.target import BYTE, DEEP, Target
from mediakiln.operations.image.pixels.settle import settled

PROFILE: Final = "icc-profile-data"

_COLOURS = 3
_SRGB_TO_P3 = [
    [0.8224621, 0.1775379, 0.0],
    [0.0331941, 0.9668059, 0.0],
    [0.0170827, 0.0723974, 0.9105199],
]
"""Of linear light, by the primaries of IEC 61966-2-1 and SMPTE EG 432-1, both with white D65."""
_GREY = frozenset({"b-w", "grey16"})
_FRACTIONS = frozenset({"float", "double"})
_DISPLAYED = frozenset({*_GREY, "srgb", "rgb16"})


def displayed(image: Any) -> bool:
    """Whether its numbers are what screens show: grey or RGB, whatever the profile."""
    return image.interpretation in _DISPLAYED and image.format in {"uchar", "ushort"}


def grey(image: Any) -> bool:
    """Whether it has brightness alone."""
    return image.interpretation in _GREY


def profile_of(image: Any) -> bytes | None:
    """The ICC profile that an image carries."""
    return image.get(PROFILE) if image.get_typeof(PROFILE) else None


def with_profile(image: Any, profile: bytes) -> Any:
    """The image, carrying a profile that says what its numbers mean."""
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, PROFILE, profile)
    return image


def seen_alike(image: Any, profile: bytes) -> Any:
    """RGB of sRGB, with or without alpha, as another profile's numbers: it looks the same.

    It stays as it is where nothing can be made of the profile, as a result leaves that out then.
    """
    told: dict[str, Any] = {"intent": "relative", "black_point_compensation": True}
    depth = DEEP if image.format == "ushort" else BYTE
    try:
        lab = image.icc_import(input_profile="srgb", **told)
        made = with_profile(lab, profile).icc_export(depth=depth, **told)
    except pyvips.Error:
        pyvips.vips_lib.vips_error_clear()
        return image
    # A profile of grey or of inks says nothing of these channels.
    return made if made.bands == image.bands else image


def destination(image: Any, profile: bytes | None, target: Target) -> str | None:
    """Libvips' name of the profile to convert to; None where the numbers stay as they are."""
    if not displayed(image):
        return "p3" if target.space == "p3" else "srgb"
    if profile is None or (target.space == "source" and not grey(image)):
        return None
    return "p3" if target.space == "p3" and profiles.wide(profile) else "srgb"


def converted(image: Any, target: Target) -> Any:
    """The image in the target's space and depth; it carries a profile only if it is not sRGB."""
    to = destination(image, profile_of(image), target)
    if not displayed(image):
        image = _displayed(image, to or "srgb", target.depth)
    elif to is not None:
        colourless = grey(image)
        image = image.icc_transform(to, embedded=True, depth=target.depth)
        image = as_grey(image) if colourless else image
    return finished(image, target, to)


def finished(image: Any, target: Target, to: str | None) -> Any:
    """Bring converted pixels to the target's depth, grey ones back to grey."""
    image = _deep(image) if target.depth > BYTE else _shallow(image)
    keeps = to == "p3" or (to is None and target.space == "source" and not grey(image))
    if keeps or not image.get_typeof(PROFILE):
        return image
    image = image.copy()
    image.remove(PROFILE)
    return image


def as_grey(image: Any) -> Any:
    """One channel of brightness, of an image that had no colours before it was converted."""
    return image.colourspace("grey16" if image.format == "ushort" else "b-w")


def sized(image: Any, width: int, height: int, *, upright: bool = False) -> Any:
    """Converted pixels at exactly this size; turned upright, unless they are not to be."""
    if image.format == "uchar":
        return image.thumbnail_image(width, height=height, size="force", no_rotate=upright)
    if not upright and image.get_typeof("orientation") and image.get("orientation") > 1:
        image = settled(image).autorot()
    if (image.width, image.height) == (width, height):
        return image
    kind, alpha = image.format, image.hasalpha()
    image = image.premultiply() if alpha else image
    image = image.resize(width / image.width, vscale=height / image.height)
    return (image.unpremultiply() if alpha else image).cast(kind)


def stretched(image: Any, bits: int) -> Any:
    """Pixels of so many bits, the upper ones of 16, over all of these: white becomes 65535."""
    if image.format != "ushort" or not BYTE < bits < DEEP:
        return image
    return (image + (image >> bits)).cast("ushort")


def _displayed(image: Any, to: str, depth: int) -> Any:
    """From inks, Lab, XYZ, linear or odd numbers to RGB."""
    if image.interpretation == "cmyk":
        if profile_of(image) is None:
            image = with_profile(image, pyvips.Operation.call("profile_load", "cmyk"))
        # Inks' black is far from dark: without compensation it would come out as grey.
        return image.icc_transform(to, embedded=True, black_point_compensation=True, depth=depth)
    linear = image.format in _FRACTIONS and grey(image)
    if linear:
        # As in RGB of fractions: of light, where 1 is white.
        light = image.extract_band(0)
        image = light.bandjoin([light, image]).copy(interpretation="scrgb")
    if to == "p3":
        return _as_p3(image.colourspace("scrgb"), depth)
    if linear:
        return image.colourspace("grey16" if depth > BYTE else "b-w")
    one = image.bands < _COLOURS
    return image.colourspace(("grey16" if one else "rgb16") if depth > BYTE else "srgb")


def _as_p3(light: Any, depth: int) -> Any:
    """Display P3 of linear light in sRGB's primaries: of the same white, and the same curve."""
    colours = light.extract_band(0, n=_COLOURS).recomb(_SRGB_TO_P3)
    if light.bands > _COLOURS:
        colours = colours.bandjoin(light.extract_band(_COLOURS, n=light.bands - _COLOURS))
    coded = colours.copy(interpretation="scrgb").colourspace("rgb16" if depth > BYTE else "srgb")
    return with_profile(coded, pyvips.Operation.call("profile_load", "p3"))


def _shallow(image: Any) -> Any:
    if image.format == "uchar":
        return image
    return image.colourspace("b-w" if grey(image) else "srgb")


def _deep(image: Any) -> Any:
    """16 bits: libvips' own way would make white of 255 one of 65280."""
    space = "grey16" if grey(image) else "rgb16"
    if image.format == "uchar":
        image = (image * 257).cast("ushort")
    return image.copy(interpretation=space)
