"""The recognisers themselves: libraries with the models they carry, imported on first use."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from mediakiln.model.errors import MemoryExceeded, ModelUnavailable
from mediakiln.operations.image.recognise import bars, slants, tilted
from mediakiln.operations.image.recognise.found import Box, Found, Pixels

_BETWEEN_SCALES: Final = 1.1
_NEIGHBOURS: Final = 6
_SMALLEST_FACE: Final = 24
_MATRIX: Final = re.compile("QR|Matrix|Aztec|Maxi|PDF")
"""In the names of codes that are read whole, and not along lines."""
_MOST_WIDE: Final = 60
_MOST_HIGH: Final = 8
"""How many times as wide as high, or as high as wide, the reader of texts sees an image."""


def faces(pixels: Pixels) -> Sequence[Found]:
    """Faces seen from the front, by OpenCV's Haar cascade, the largest first.

    Raises:
        ModelUnavailable: OpenCV is not installed, or is one without cascades (5 and later).
        MemoryExceeded: the image is too large for it.
    """
    cv2 = _opencv()
    grey = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    try:
        boxes = _cascade().detectMultiScale(
            grey,
            scaleFactor=_BETWEEN_SCALES,
            minNeighbors=_NEIGHBOURS,
            minSize=(_SMALLEST_FACE, _SMALLEST_FACE),
        )
    except cv2.error as error:
        if error.code == cv2.Error.STS_NO_MEM:
            raise MemoryExceeded("finding faces needs more memory than the step may have") from None
        raise
    found = [Found(Box(*(float(side) for side in box))) for box in boxes]
    return sorted(found, key=lambda face: -face.box.width * face.box.height)


def codes(pixels: Pixels) -> Sequence[Found]:
    """Bar codes and matrix codes of every kind that ZXing reads, turned and inverted ones too.

    Of bar codes ZXing tells the lines that it read; their boxes are around all of their bars.
    Linear ones are looked for a second time in the picture turned by 45 degrees, and where bars
    seem to stand at another angle.

    Raises:
        ModelUnavailable: zxing-cpp is not installed.
    """
    try:
        import zxingcpp
    except ImportError as error:
        raise ModelUnavailable(
            "reading codes needs zxing-cpp, which is not installed",
            hint="pip install 'mediakiln[codes]'",
        ) from error
    read = zxingcpp.read_barcodes(pixels[:, :, ::-1].copy())
    matrices = [code for code in read if _MATRIX.search(code.format.name)]
    linear = [_reached(code, pixels, lambda at: at) for code in read if code not in matrices]
    grey = pixels[:, :, 1]
    lines = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllLinear)
    aslant = (tilted.turned(grey, slant.degrees, slant.box) for slant in slants.slants(grey))
    for picture, back in (tilted.turned(grey), *aslant):
        again = zxingcpp.read_barcodes(picture, formats=lines)
        linear += [_reached(code, pixels, back) for code in again]
    return [
        Found(around(code.corners), text=code.text, format=code.format)
        for code in [*map(_seen, matrices), *tilted.together(linear)]
    ]


def _seen(code: Any) -> tilted.Seen:
    """What ZXing read, and where."""
    at = code.position
    points = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
    corners = [(float(point.x), float(point.y)) for point in points]
    return tilted.Seen(code.text, code.format.name, corners)


def _reached(
    code: Any, pixels: Pixels, back: Callable[[tilted.Point], tilted.Point]
) -> tilted.Seen:
    """A linear code with all its bars, by where its corners are in the upright picture."""
    seen = _seen(code)
    corners = bars.reach(pixels[:, :, 1], [back(corner) for corner in seen.corners])
    return replace(seen, corners=corners)


def text(pixels: Pixels) -> Sequence[Found]:
    """Lines of text, by the PP-OCR models that rapidocr carries, from top to bottom.

    Raises:
        ModelUnavailable: rapidocr or what it stands on is not installed.
    """
    read = _reader()(_stout(pixels)[:, :, ::-1].copy())
    if read.boxes is None:
        return []
    return [
        Found(around(corners.tolist()), round(float(score), 4), str(line))
        for corners, line, score in zip(read.boxes, read.txts, read.scores, strict=True)
    ]


def _stout(pixels: Pixels) -> Pixels:
    """The same, continued downwards or to the right where it is but a thread.

    rapidocr enlarges until the shorter side has hundreds of pixels, and with it the longer one; of
    wide images alone it takes care itself, unless they are less than 30 pixels high.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    down = max(0, -(-width // _MOST_WIDE) - height)
    across = max(0, -(-height // _MOST_HIGH) - width)
    return np.pad(pixels, ((0, down), (0, across), (0, 0)), "edge")


def around(points: Sequence[Sequence[float]]) -> Box:
    """The upright box around corners."""
    across, down = [point[0] for point in points], [point[1] for point in points]
    left, top = min(across), min(down)
    return Box(float(left), float(top), float(max(across) - left), float(max(down) - top))


@cache
def _reader() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise ModelUnavailable(
            f"reading text needs rapidocr, which cannot be imported: {error}",
            hint="pip install 'mediakiln[ocr]'",
        ) from error
    # One thread: several a process, in several processes, wait for one another.
    threads = dict.fromkeys(
        (f"EngineConfig.onnxruntime.{which}_op_num_threads" for which in ("intra", "inter")), 1
    )
    return RapidOCR(params={**threads, "Global.log_level": "error"})


@cache
def _cascade() -> Any:
    cv2 = _opencv()
    try:
        path = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
        cascade = cv2.CascadeClassifier(str(path))
    except AttributeError as error:
        raise ModelUnavailable(
            f"OpenCV {cv2.__version__} carries no face model",
            hint="pip install 'opencv-python-headless<5'",
        ) from error
    if cascade.empty():
        raise ModelUnavailable("OpenCV's face model cannot be read", path=str(path))
    return cascade


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise ModelUnavailable(
            f"finding faces needs OpenCV, which cannot be imported: {error}",
            hint="pip install 'mediakiln[faces]'",
        ) from error
    cv2.setNumThreads(1)
    module: ModuleType = cv2
    return module
