"""`mediakiln url`."""

from pathlib import Path

import pytest

from mediakiln.cli.url import app, explain, sign
from mediakiln.model.errors import EngineMisconfigured, InvalidRequest
from mediakiln.model.ids import new_id
from mediakiln.roles.settings import Settings

ID = new_id()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a key, as a server that was started once leaves it."""
    Settings.given(data=tmp_path).image_keys()
    return tmp_path


def test_what_is_signed_is_explained_as_right(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(f"https://img.example.org/i/w_400/{ID}?x=1", data=data)
    signed = capsys.readouterr().out.strip()
    assert signed.startswith("https://img.example.org/i/s_")
    assert signed.endswith(f"/w_400/{ID}?x=1")
    explain(signed, data=data)
    assert "right, made with the first key" in capsys.readouterr().out
    assert (data / "images.key").stat().st_mode & 0o777 == 0o600


def test_an_address_that_does_not_work_ends_with_one(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(f"/i/w_400/{ID}", key="another key altogether", data=data)
    signed = capsys.readouterr().out.strip()
    with pytest.raises(SystemExit) as ended:
        explain(signed, json_=True, data=data)
    assert ended.value.code == 1
    assert '"works": false' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        explain(signed, key="another key altogether", data=data)
    assert "the key is WRONG" in capsys.readouterr().out


def test_an_address_can_be_good_for_a_while(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sign(f"/i/w_400/{ID}", seconds=-1, data=data)
    with pytest.raises(SystemExit):
        explain(capsys.readouterr().out.strip(), data=data)
    assert "EXPIRED" in capsys.readouterr().out


def test_other_addresses_are_not_signed(data: Path) -> None:
    with pytest.raises(InvalidRequest, match="begin with"):
        sign("https://img.example.org/cat.jpg", data=data)


def test_an_address_is_not_signed_for_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app(["sign", f"/i/w_400/{ID}", "--seconds=-5"])
    assert "--seconds" in capsys.readouterr().err


def test_no_key_is_made_where_no_server_would_know_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EngineMisconfigured, match=str(tmp_path)) as refused:
        sign(f"/i/w_400/{ID}", data=tmp_path)
    assert "--data" in refused.value.context["hint"]
    with pytest.raises(EngineMisconfigured):
        explain(f"/i/w_400/{ID}", data=tmp_path)
    sign(f"/i/w_400/{ID}", key="a key of the server", data=tmp_path)
    assert capsys.readouterr().out.startswith("/i/s_")
    assert not list(tmp_path.iterdir())


def test_wrong_options_are_signed_and_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sign(f"/i/blur_5/{ID}", data=data)
    said = capsys.readouterr()
    assert said.out.startswith("/i/s_")
    assert "adjust,blur_5" in said.err


def test_an_address_of_imgproxys_is_signed_and_explained_with_its_own_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAKILN_IMGPROXY_KEYS", '["943b421c9eb07c83"]')
    monkeypatch.setenv("MEDIAKILN_IMGPROXY_SALTS", '["520f986b998545b4"]')
    sign(f"https://img.example/imgproxy/_/w:5/plain/{ID}", data=tmp_path, seconds=60)
    signed = capsys.readouterr().out.strip()
    assert "/exp:" in signed
    explain(signed, data=tmp_path)
    assert "signature: right" in capsys.readouterr().out
    sign(f"/imgproxy/_/w:5/plain/{ID}", key="aa:bb", data=tmp_path)
    signed = capsys.readouterr().out.strip()
    with pytest.raises(SystemExit):
        explain(signed, key="aa:bb", data=tmp_path)
    assert "KEY and SALT are WRONG" in capsys.readouterr().out
    for key, error in (("aa", InvalidRequest), ("aa:xyz", EngineMisconfigured)):
        with pytest.raises(error):
            explain(signed, key=key, data=tmp_path)
