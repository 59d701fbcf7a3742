"""Options of other services' addresses, and what they are here: hints for who brings them along."""

import re
from collections.abc import Mapping
from typing import Final

_ADJUSTED: Final = frozenset(
    {"blur", "brightness", "contrast", "gamma", "grayscale", "hue", "pixelate", "saturation"}
)
_WHOLE: Final[Mapping[str, str]] = {
    "c_fill": "fit_cover",
    "c_lfill": "fit_cover",
    "c_fit": "fit_inside, the default, with enlarge",
    "c_limit": "fit_inside, the default",
    "c_pad": "fit_contain",
    "c_lpad": "fit_contain",
    "c_scale": "fit_fill",
    "c_thumb": "fit_cover,g_faces",
    "c_crop": "an edit, a segment crop,w_400,h_300",
    "fl_attachment": "dl",
    "fl_progressive": "progressive",
    "fl_lossy": "lossless_false",
}
_BEGINNING: Final[Mapping[str, str]] = {
    "c": "fit_…; a part of the image is a segment crop,…",
    "e": "an edit, a segment adjust,…",
    "l": "an edit, a segment watermark,image_ASSET or watermark,t_TEXT",
    "u": "an edit, a segment compose,image_ASSET,mode_under",
    "ar": "an edit, a segment crop,ratio_16:9",
    "bo": "an edit, a segment pad,border_2,border_colour_000000",
    "co": "text_colour_… of a segment watermark,t_TEXT",
}
"""By what stands before the underscore."""
_ALONE: Final[Mapping[str, str]] = {
    "fit-in": "the default: w_300,h_200",
    "full-fit-in": "fit_outside,enlarge",
    "smart": "g_faces or g_attention, beside fit_cover",
}
_FILTERS: Final = "here that is an edit, a segment adjust,blur_7, or an option such as q_80"
_IMGPROXY: Final = "imgproxy's addresses are taken below /imgproxy/"
_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


def said_here(text: str) -> str | None:
    """What an option in the manner of Cloudinary, imgproxy or thumbor is here; None for others."""
    if size := _SIZE.fullmatch(text):
        return f"a size is w_{size[1]},h_{size[2]}"
    if text in _ALONE:
        return f"here that is {_ALONE[text]}"
    if grammar := re.match(r"[a-z]+:", text):
        return _FILTERS if grammar[0] == "filters:" else _IMGPROXY
    name, underscore, value = text.partition("_")
    if not underscore:
        return None
    if name == "e" and value.partition(":")[0] in _ADJUSTED:
        what, amount, _ = value.partition(":")  # amounts are on another scale
        return f"here that is an edit, a segment adjust,{what}{'_…' if amount else ''}"
    found = _WHOLE.get(text) or _BEGINNING.get(name)
    return None if found is None else f"here that is {found}"
