"""`mediakiln operations`."""

import pytest

from mediakiln.cli.operations import operations


def test_parameters_are_shown_as_they_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    operations("image.resize")
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "#rrggbb[aa]" in shown["background"], "brackets are text, not markup"
    assert " [] " in shown["widths"]
    assert "null" not in shown["background"]
