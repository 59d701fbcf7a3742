"""The doctor finds what is wrong, and says what to do about it."""

import os
import socket
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectInfo
from mediakiln.roles.checkup import Finding, checkup
from mediakiln.roles.settings import Settings
from support.onnx_models import model_folder
from support.rekognition import credentials, refuses, rekognition


async def _check(data: Path, **given: object) -> dict[str, Finding]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    settings = Settings.given(**{"data": data, "port": free, **given})
    return {finding.name: finding for finding in await checkup(settings)}


async def test_a_sound_machine_passes_every_check(tmp_path: Path) -> None:
    found = await _check(tmp_path)
    assert [item for item in found.values() if item.state == "fails"] == []
    assert {"libvips", "FFmpeg", "data folder", "store", "broker", "catalog"} <= set(found)
    assert "sent and received" in found["broker"].found
    assert "copied" in found["store"].found
    assert not [path for path in (tmp_path / "store").rglob("*") if "doctor" in path.name]
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith(".doctor")]
    assert left == []


async def test_a_store_that_overwrites_what_was_to_be_absent_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gateways do that do not know `If-None-Match`."""
    put = LocalObjectStore.put

    async def careless(
        self: LocalObjectStore, bucket: Bucket, key: str, data: bytes, *, if_absent: bool = False
    ) -> ObjectInfo:
        del if_absent
        return await put(self, bucket, key, data)

    monkeypatch.setattr(LocalObjectStore, "put", careless)
    found = (await _check(tmp_path))["store"]
    assert found.state == "fails"
    assert "If-None-Match" in found.remedy


async def test_a_broken_configuration_names_each_remedy(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[")
    found = await _check(tmp_path, recipes=bad, commands=bad, broker="rabbit://x")
    for name in ("recipes", "commands", "broker"):
        assert found[name].state == "fails", name
        assert found[name].remedy, name
    assert "sqlite://" in found["broker"].remedy


async def test_a_model_that_cannot_be_loaded_is_found(tmp_path: Path) -> None:
    whole, broken = (
        model_folder(tmp_path / "whole"),
        model_folder(tmp_path / "broken", model=b"no model"),
    )
    assert (await _check(tmp_path, label_models={"m": whole}))["models"].state == "good"
    found = (await _check(tmp_path, label_models={"m": broken}))["models"]
    assert found.state == "fails"
    assert "MEDIAKILN_LABEL_MODELS: model 'm'" in found.found


async def test_a_recogniser_is_tried_and_a_wrong_address_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aiobotocore", reason="needs the extra rekognition")
    credentials(monkeypatch)
    async with rekognition() as server:
        named = {"aws": server.address(), "dear": server.address("&moderation=no")}
        server.answers["DetectModerationLabels"] = refuses("AccessDeniedException")
        found = await _check(tmp_path, label_models=named)
    assert found["models"].state == found["model dear"].state == "good"
    assert "rekognition://eu-central-1?labels=yes&moderation=no" in found["model dear"].found
    assert found["model aws"].state == "fails"
    assert found["model aws"].remedy == "allow rekognition:DetectModerationLabels"
    wrong = await _check(tmp_path, label_models={"aws": "rekognition://"})
    assert wrong["models"].state == "fails"
    assert "model aws" not in wrong


async def test_a_taken_port_is_found(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = await _check(tmp_path, port=taken.getsockname()[1])
    assert found["port"].state == "fails"
    assert "--port" in found["port"].remedy


async def test_a_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    (tmp_path / "owner.key").write_text("mk_x")
    (tmp_path / "owner.key").chmod(0o644)
    found = await _check(tmp_path)
    assert found["owner key"].state == "fails"
    assert "chmod 600" in found["owner key"].remedy


async def test_too_little_free_space_is_found(tmp_path: Path) -> None:
    found = await _check(tmp_path, reserve_bytes=1 << 60)
    assert found["free space"].state == "fails"


@pytest.mark.skipif(os.getuid() == 0, reason="the superuser may write anywhere")
async def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert (await _check(tmp_path))["data folder"].state == "fails"
