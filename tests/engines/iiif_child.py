"""What runs in the environment of IIIF's validator, which has nothing of ours.

python iiif_child.py picture FILE          writes the picture that its tests know
python iiif_child.py SERVER IDENTIFIER     runs them; prints {test: {level, asked, problem}}
"""

import contextlib
import importlib
import json
import random
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

try:
    importlib.import_module("magic")
except ImportError:
    # It wants a library of the system, for two formats that are not offered here.
    sys.modules["magic"] = types.ModuleType("magic")

with contextlib.redirect_stdout(sys.stderr):
    validator: Any = importlib.import_module("iiif_validator.validator")


def _patient(opened: Callable[..., Any], request: object, timeout: float) -> Any:
    """It waits 5 seconds for an answer, which a busy machine may need."""
    return opened(request, timeout=12 * timeout)


validator.urlopen = partial(_patient, validator.urlopen)

_VERSION = "3.0"
_SIDE = 100
# `urllib.urlopen` and text for bytes: these were never moved to Python 3.
_UNABLE = {"format_jp2", "format_pdf", "format_webp"}


def paint(path: str) -> None:
    """Ten times ten squares, each of the colour that the validator expects there."""
    from PIL import Image

    picture = Image.new("RGB", (10 * _SIDE, 10 * _SIDE))
    for column, colours in enumerate(validator.ValidationInfo().colorInfo):
        for row, colour in enumerate(colours):
            left, top = column * _SIDE, row * _SIDE
            picture.paste(colour, (left, top, left + _SIDE, top + _SIDE))
    picture.save(path)


def results(server: str, identifier: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every test of this version, and what it said."""
    random.seed(30)
    for name, about in validator.TestSuite(validator.ValidationInfo()).list_tests(_VERSION).items():
        if name in _UNABLE:
            continue
        said = validator.ImageAPI(identifier, server, "iiif", "http", "", _VERSION, debug=False)
        try:
            validator.TestSuite(validator.ValidationInfo()).run_test(name, said)
            problem = str(said.exception) if said.exception else None
        except Exception as error:  # noqa: BLE001 - some of its tests fail by raising
            problem = repr(error)
        yield name, {"level": about["level"], "asked": said.urls, "problem": problem}


if __name__ == "__main__":
    if sys.argv[1] == "picture":
        paint(sys.argv[2])
    else:
        with contextlib.redirect_stdout(sys.stderr):
            found = dict(results(*sys.argv[1:]))
        print(json.dumps(found))
