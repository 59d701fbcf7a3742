"""`mediakiln url`."""

from pathlib import Path

import pytest

from mediakiln.cli.url import app, explain, sign
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.ids import new_id

ID = new_id()


def test_what_is_signed_is_explained_as_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(f"https://img.example.org/i/w_400/{ID}?x=1", data=tmp_path)
    signed = capsys.readouterr().out.strip()
    assert signed.startswith("https://img.example.org/i/s_")
    assert signed.endswith(f"/w_400/{ID}?x=1")
    explain(signed, data=tmp_path)
    assert "right, made with the first key" in capsys.readouterr().out
    assert (tmp_path / "images.key").stat().st_mode & 0o777 == 0o600


def test_an_address_that_does_not_work_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(f"/i/w_400/{ID}", key="another key altogether", data=tmp_path)
    signed = capsys.readouterr().out.strip()
    with pytest.raises(SystemExit) as ended:
        explain(signed, json_=True, data=tmp_path)
    assert ended.value.code == 1
    assert '"works": false' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        explain(signed, key="another key altogether", data=tmp_path)
    assert "the key is WRONG" in capsys.readouterr().out


def test_an_address_can_be_good_for_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(f"/i/w_400/{ID}", seconds=-1, data=tmp_path)
    with pytest.raises(SystemExit):
        explain(capsys.readouterr().out.strip(), data=tmp_path)
    assert "EXPIRED" in capsys.readouterr().out


def test_other_addresses_are_not_signed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="begin with"):
        sign("https://img.example.org/cat.jpg", data=tmp_path)


def test_an_address_is_not_signed_for_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app(["sign", f"/i/w_400/{ID}", "--seconds=-5"])
    assert "--seconds" in capsys.readouterr().err
