"""How every benchmark reports: one table on the terminal, and JSON where asked.

A figure is a dictionary: name, value, unit, rival (what it was measured against, or None),
ratio (value to rival, or None), target (in words, or None), holds (or None without a target).
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def report(measure: Callable[[], Sequence[Mapping[str, Any]]], about: str | None) -> None:
    """Measure, print the table, and write it to the file that `--json` names."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", type=Path, help="Write the figures here.")
    given = parser.parse_args()
    figures = measure()
    for figure in figures:
        print(line(figure), flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


def line(figure: Mapping[str, Any]) -> str:
    """A figure as one line of the table."""
    holds, ratio = figure["holds"], figure["ratio"]
    mark = "      " if holds is None else "ok    " if holds else "MISSED"
    value = f"{figure['value']:,.4g}" if figure["value"] < 1000 else f"{figure['value']:,.0f}"
    text = f"{mark} {figure['name']:<44} {value:>10} {figure['unit']:<12}"
    if ratio is not None:
        text += f" {ratio:>7.2f} of {figure['rival']}"
    return text if figure["target"] is None else f"{text}  (target {figure['target']})"
