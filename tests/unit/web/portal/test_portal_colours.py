"""Every pair of colours that text is set in, against the contrast WCAG 2.2 asks of it (AA)."""

import re
from importlib.resources import files

import pytest

PAIRS = [
    *[("ink", ground) for ground in ("paper", "surface", "sunk", "clay-wash", "crack-wash")],
    *[("muted", ground) for ground in ("paper", "surface", "sunk", "crack-wash")],
    *[("clay", ground) for ground in ("paper", "surface", "sunk", "clay-wash")],
    *[("clay-strong", ground) for ground in ("paper", "surface", "clay-wash")],
    ("on-clay", "clay"),
    ("on-clay", "clay-strong"),
    *[("glaze", ground) for ground in ("surface", "glaze-wash")],
    ("amber", "amber-wash"),
    *[("crack", ground) for ground in ("surface", "crack-wash")],
]


def schemes() -> dict[str, dict[str, str]]:
    sheet = (files("mediakiln.web.portal") / "static/css/colours.css").read_text()
    day, _, night = sheet.partition("@media")
    return {
        name: dict(re.findall(r"--([\w-]+): (#\w{6})", part))
        for name, part in (("day", day), ("night", night))
    }


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["day", "night"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read_on_its_ground(scheme: str, text: str, ground: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["day", "night"])
def test_the_borders_of_controls_can_be_seen(scheme: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours["line-strong"], colours["surface"]) >= 3
    assert contrast(colours["line-strong"], colours["sunk"]) >= 3
