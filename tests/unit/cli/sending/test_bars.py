"""The bars of what is being sent."""

import pytest

from mediakiln.cli.sending.bars import Bars
from mediakiln.cli.sending.walk import Found


def test_a_files_name_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = Found("a[red]b[1].png", size=3, mtime_ns=0, listed=False)
    with Bars(many=False) as bars, bars.file(found, large=True) as bar:
        bar.moved(3, 3)
    assert "a[red]b[1].png" in capsys.readouterr().err
