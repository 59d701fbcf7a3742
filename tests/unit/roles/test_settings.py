"""Settings that cannot be are refused with their name."""

import os
from pathlib import Path

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.settings import PREFIX, Settings, origins


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "high"), ("WORKERS", "0"), ("KINDS", '["images"]'), ("NOTIFY", '[{"url": 1}]')],
)
def test_a_value_that_cannot_be_names_its_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(EngineMisconfigured, match=PREFIX + name):
        Settings()


def test_a_value_that_is_not_json_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKILN_NOTIFY", "http://somewhere")
    with pytest.raises(EngineMisconfigured, match="notify"):
        Settings()


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mediakiln.toml").write_text("port = = 1")
    with pytest.raises(EngineMisconfigured, match="cannot be read"):
        Settings()


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mediakiln.toml").write_text("prot = 1\n")
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_PROT"):
        Settings()


def test_an_unknown_setting_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKILN_PROT", "1")
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_PROT") as refused:
        Settings()
    assert refused.value.context["hint"] == "did you mean MEDIAKILN_PORT?"


def test_a_data_folder_that_cannot_be_made_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineMisconfigured, match="cannot be made") as refused:
        Settings(data=tmp_path / "file").make_data()
    assert "--data" in refused.value.context["hint"]


def test_a_data_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    made = Settings(data=tmp_path / "new" / "data").make_data()
    assert made.stat().st_mode & 0o777 == 0o700


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mediakiln.toml").write_text("port = 1\nworkers = 2\nwall_s = 3.5\n")
    monkeypatch.setenv("MEDIAKILN_PORT", "4")
    monkeypatch.setenv("MEDIAKILN_WORKERS", "5")
    settings = Settings.given(port=6, workers=None)
    assert (settings.port, settings.workers, settings.wall_s) == (6, 5, 3.5)
    assert origins(settings)["workers"] == (5, "environment MEDIAKILN_WORKERS")
    assert origins(settings)["wall_s"] == (3.5, "file mediakiln.toml")
    assert origins(settings)["lease_s"] == (30.0, "default")
