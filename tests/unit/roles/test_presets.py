"""Presets are read at the start: one that no address could use stops the process."""

import os
from pathlib import Path
from typing import Any

import pytest

from mediakiln.cli.config import config
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles import web
from mediakiln.roles.engines import open_engines
from mediakiln.roles.presets import check_presets
from mediakiln.roles.settings import Settings


@pytest.mark.parametrize(
    "preset",
    [
        "w_200,h_200,fit_cover,f_auto",
        "w_1600/adjust,sharpen_1/f_auto,q_auto",
        "fit_cover,g_faces",  # the width stands beside it
        "target_60",  # so does q_auto
        "w_auto:800,dpr_auto",
        "raw",
        "watermark,text_mine",
        "/w_20/",
    ],
)
def test_a_preset_that_addresses_can_use_passes(tmp_path: Path, preset: str) -> None:
    check_presets(Settings(data=tmp_path, images_presets={"mine": preset}))


@pytest.mark.parametrize(
    ("preset", "named"),
    [
        ("w_200,fit_covr", "fit.*cover"),
        ("wdth_200", "wdth_200"),
        ("w_0", "w: "),
        ("f_bmp", "f: .*webp"),
        ("p_other", "p_other"),
        ("rotate,adjust", "adjust: a segment is one edit"),
        ("h_9/fit_cover", "image.resize: .*width or height"),
    ],
)
def test_a_wrong_preset_is_named_with_its_option_and_what_is_allowed(
    tmp_path: Path, preset: str, named: str
) -> None:
    wrong = Settings(data=tmp_path, images_presets={"fine": "w_10", "mine": preset})
    with pytest.raises(EngineMisconfigured, match=f"IMAGES_PRESETS: preset 'mine': .*{named}"):
        check_presets(wrong)


def test_an_unknown_option_comes_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(EngineMisconfigured) as raised:
        check_presets(Settings(data=tmp_path, images_presets={"mine": "wdth_200"}))
    assert raised.value.context["hint"] == "did you mean width?"


@pytest.mark.parametrize("name", ["a,b", "a/b", "", "a b", "a:b"])
@pytest.mark.parametrize("setting", ["images_presets", "imgproxy_presets"])
def test_a_name_that_no_address_can_hold_is_refused(
    tmp_path: Path, setting: str, name: str
) -> None:
    given: dict[str, Any] = {setting: {name: "w_200" if "images" in setting else "w:200"}}
    with pytest.raises(EngineMisconfigured, match=setting.upper()):
        check_presets(Settings(data=tmp_path, **given))


def test_presets_of_imgproxy_s_addresses_are_read_as_well(tmp_path: Path) -> None:
    check_presets(Settings(data=tmp_path, imgproxy_presets={"a": "rs:fill:9:9/pr:b", "b": "q:50"}))
    with pytest.raises(EngineMisconfigured, match=r"IMGPROXY_PRESETS: preset 'a': rs .*'fil'"):
        check_presets(Settings(data=tmp_path, imgproxy_presets={"a": "rs:fil:9:9"}))


@pytest.mark.parametrize("door", [None, "delivery"])
async def test_no_role_that_makes_images_starts_with_a_wrong_preset(
    tmp_path: Path, door: str | None
) -> None:
    settings = Settings(data=tmp_path, images_presets={"mine": "wdth_200"})
    engines = open_engines(settings)
    try:
        with pytest.raises(EngineMisconfigured, match="wdth_200"):
            web.build(settings, engines, door=door)
    finally:
        await engines.close()


def test_the_settings_can_be_checked_without_starting_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDIAKILN_DATA", str(tmp_path / "none"))
    config(check=True)
    monkeypatch.setenv("MEDIAKILN_IMAGES_PRESETS", '{"mine": "w_200,fit_covr"}')
    with pytest.raises(SystemExit) as ended:
        config(check=True)
    assert ended.value.code == os.EX_CONFIG
    assert "preset 'mine': fit: " in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
