"""`mediakiln operations`."""

import pytest

from mediakiln.cli.operations import operations


def test_parameters_are_shown_as_they_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    operations("image.resize")
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "#rrggbb[aa]" in shown["background"], "brackets are text, not markup"
    assert " [] " in shown["widths"]
    assert "null" not in shown["background"]


def test_lists_are_shown_with_what_they_hold_and_how_much(
    capsys: pytest.CaptureFixture[str],
) -> None:
    operations("image.resize")
    operations("image.redact")
    operations("image.adjust")
    shown = capsys.readouterr().out
    assert "array (at most 16) of integer 1..16383" in shown
    assert "array of faces | codes | text" in shown
    assert "array (at most 100) of object with left, top, width, height" in shown
    assert "array (2) of string" in shown
