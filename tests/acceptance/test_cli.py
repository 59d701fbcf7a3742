"""Every command, as a user types it: what it prints where, and its exit code."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest
from blake3 import blake3

from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Received
from mediakiln.model.topology import TOPOLOGY
from support import media
from support.platform import Platform
from support.waiting import until

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def site(commanded: Platform) -> Platform:
    """One platform with a key for all tests here."""
    return commanded


@pytest.fixture(scope="module")
def photo(site: Platform) -> Path:
    path = site.folder / "photo.jpg"
    path.write_bytes(media.jpeg(1, 400, 300))
    return path


@pytest.fixture(scope="module")
def asset_id(site: Platform, photo: Path) -> str:
    """An asset that is ready."""
    answer = site.command("submit", str(photo), "--wait", "--json", "--tag", "holiday")
    assert answer.returncode == 0, answer.stderr
    return str(json.loads(answer.stdout)["id"])


def told(answer: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """Standard output of a command that ended as expected."""
    assert answer.returncode == code, answer.stderr
    return answer.stdout


def test_submit_tells_ids_on_standard_output_and_progress_on_standard_error(
    site: Platform, photo: Path
) -> None:
    answer = site.command("submit", str(photo), str(photo), "--wait")
    lines = told(answer).splitlines()
    assert len(lines) == 2
    for line in lines:
        id, state, path = line.split(" ", 2)
        assert (len(id), state, path) == (36, "ready", str(photo))
    assert "photo.jpg" in answer.stderr


def test_submit_as_json_is_the_asset_with_its_products(site: Platform, photo: Path) -> None:
    recipe = site.folder / "recipe.json"
    recipe.write_text('{"steps": {"s": {"op": "image.resize", "width": 50, "format": "png"}}}')
    answer = site.command("submit", str(photo), "--recipe", str(recipe), "--wait", "--json")
    asset = json.loads(told(answer))
    assert (asset["state"], asset["file"]) == ("ready", str(photo))
    assert [product["media_type"] for product in asset["products"]] == ["image/png"]


def test_submit_ends_with_1_when_a_file_is_refused_or_fails_and_sends_the_others(
    site: Platform, photo: Path
) -> None:
    empty, broken = site.folder / "empty.jpg", site.folder / "broken.jpg"
    empty.touch()
    broken.write_bytes(media.jpeg(2, 800, 600)[:3000])
    missing = site.folder / "missing.jpg"
    files = [str(path) for path in (empty, photo, missing, broken)]
    lines = told(site.command("submit", *files, "--wait", "--json"), code=1).splitlines()
    found = {Path(item["file"]).name: item for item in map(json.loads, lines)}
    assert found["empty.jpg"]["error"]["code"] == "empty_file"
    assert found["missing.jpg"]["error"]["code"] == "unreadable"
    assert found["photo.jpg"]["state"] == "ready"
    assert (found["broken.jpg"]["state"], found["broken.jpg"]["error"]["code"]) == (
        "failed",
        "bad_media",
    )


def test_an_unknown_recipe_is_refused_with_the_known_ones(site: Platform, photo: Path) -> None:
    answer = site.command("submit", str(photo), "--recipe", "nonsense")
    assert answer.returncode == 1
    assert "unknown_recipe" in answer.stderr


def test_without_a_server_the_exit_code_is_3_and_the_remedy_is_said(
    site: Platform, photo: Path
) -> None:
    nowhere = {"MEDIAKILN_URL": "http://127.0.0.1:9"}
    for command in (["submit", str(photo)], ["assets", "list"], ["dead", "list"]):
        answer = site.command(*command, environment=nowhere)
        assert answer.returncode == 3, answer.stderr
        assert "mediakiln up" in answer.stderr


def test_assets_list_and_show(site: Platform, asset_id: str) -> None:
    listed = json.loads(told(site.command("assets", "list", "--json", "--kind", "image")))
    assert asset_id in {asset["id"] for asset in listed}
    assert json.loads(told(site.command("assets", "list", "--json", "--kind", "video"))) == []
    assert json.loads(told(site.command("assets", "list", "--json", "--search", "kiln*"))) == []
    named = told(site.command("assets", "list", "--json", "--search", "holiday phot* jpeg"))
    assert [asset["id"] for asset in json.loads(named)] == [asset_id]
    assert len(json.loads(told(site.command("assets", "list", "--json", "--limit", "1")))) == 1
    assert "photo.jpg" in told(site.command("assets", "list"))
    shown = json.loads(told(site.command("assets", "show", asset_id, "--json")))
    assert (shown["state"], shown["tags"]) == ("ready", ["holiday"])
    assert "thumb" in told(site.command("assets", "show", asset_id))


def test_an_asset_that_does_not_exist_ends_with_1(site: Platform) -> None:
    for id in (new_id(), "no-id"):
        answer = site.command("assets", "show", id)
        assert answer.returncode == 1
        assert "not_found" in answer.stderr


def test_assets_download_and_restore(site: Platform, asset_id: str, photo: Path) -> None:
    out = site.folder / "out"
    out.mkdir()
    path = Path(told(site.command("assets", "download", asset_id, "--out", str(out))).strip())
    assert path.read_bytes() == photo.read_bytes()
    shown = json.loads(told(site.command("assets", "show", asset_id, "--json")))
    product = shown["products"][0]
    answer = site.command("assets", "download", asset_id, product["name"], "--out", str(out))
    got = Path(told(answer).strip()).read_bytes()
    assert f"blake3:{blake3(got).hexdigest()}" == product["checksum"]

    found = [
        path
        for path in (site.data / "store" / "production").rglob("*.webp")
        if asset_id in str(path) and path.read_bytes() == got
    ]
    assert found
    found[0].unlink()
    assert told(site.command("assets", "restore", asset_id)).strip() == "1 restored"
    assert found[0].read_bytes() == got
    assert told(site.command("assets", "restore", asset_id)).strip() == "0 restored"


def test_assets_process_and_delete(site: Platform, photo: Path) -> None:
    asset = json.loads(told(site.command("submit", str(photo), "--wait", "--json")))
    recipe = site.folder / "again.json"
    recipe.write_text('{"steps": {"tiny": {"op": "image.resize", "width": 20}}}')
    answer = site.command(
        "assets", "process", asset["id"], "--recipe", str(recipe), "--wait", "--json"
    )
    again = json.loads(told(answer))
    assert (again["run"], again["state"]) == (2, "ready")
    assert [step["name"] for step in again["steps"]] == ["tiny"]
    deleted = json.loads(told(site.command("assets", "delete", asset["id"], "--json")))
    assert deleted["state"] == "deleting"
    gone = site.command("assets", "show", asset["id"])
    assert gone.returncode == 1
    assert "gone" in gone.stderr


def test_dead_letters_are_listed_shown_replayed_and_dropped(site: Platform) -> None:
    _bury_two(site)
    letters = json.loads(told(site.command("dead", "list", "--json")))
    assert [letter["topic"] for letter in letters] == ["received", "received"]
    first, second = (letter["id"] for letter in letters)
    assert "classify" in told(site.command("dead", "list"))
    shown = json.loads(told(site.command("dead", "show", first)))
    assert shown["body"] == "not an event"
    assert "unreadable_message" in shown["reason"]
    assert f"{first} sent to received" in told(site.command("dead", "replay", first))
    assert f"{second} dropped" in told(site.command("dead", "drop", second))
    _until_letters(site, 1)
    left = json.loads(told(site.command("dead", "list", "--json")))
    assert left[0]["id"] not in {first, second}
    told(site.command("dead", "drop", left[0]["id"]))
    assert json.loads(told(site.command("dead", "list", "--json"))) == []
    assert site.command("dead", "show", first).returncode == 1


def test_operations_and_their_parameters(site: Platform) -> None:
    listed = json.loads(told(site.command("operations", "--json")))
    assert {"image.resize", "custom.command"} <= {item["name"] for item in listed}
    assert "image.resize" in told(site.command("operations"))
    assert "width" in told(site.command("operations", "image.resize"))
    assert site.command("operations", "image.nothing").returncode == 1


def test_config_says_where_each_value_came_from(site: Platform) -> None:
    (site.folder / "mediakiln.toml").write_text("wall_s = 9.5\n")
    try:
        shown = json.loads(told(site.command("config", "--json")))
    finally:
        (site.folder / "mediakiln.toml").unlink()
    assert shown["data"] == {"value": str(site.data), "from": "environment MEDIAKILN_DATA"}
    assert (shown["wall_s"]["value"], shown["wall_s"]["from"]) == (9.5, "file mediakiln.toml")
    assert shown["port"]["from"] == "default"
    assert "MEDIAKILN_WALL_S" in told(site.command("config"))


def test_a_setting_that_cannot_be_is_said_in_a_line(site: Platform) -> None:
    answer = site.command("config", environment={"MEDIAKILN_PORT": "high"})
    assert answer.returncode == os.EX_CONFIG
    assert "MEDIAKILN_PORT" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_doctor_checks_a_platform_that_runs_and_one_that_cannot(site: Platform) -> None:
    answer = site.command("doctor", "--json")
    found = {item["name"]: item for item in json.loads(answer.stdout)}
    assert {"FFmpeg", "store", "broker", "catalog", "clock"} <= found.keys()
    failing = [item for item in found.values() if item["state"] == "fails"]
    assert answer.returncode == (1 if failing else 0)
    assert all(item["remedy"] for item in failing)
    broken = {"MEDIAKILN_COMMANDS": str(site.folder / "none.json")}
    answer = site.command("doctor", "--json", environment=broken)
    found = {item["name"]: item for item in json.loads(answer.stdout)}
    assert (answer.returncode, found["commands"]["state"]) == (1, "fails")
    assert found["commands"]["remedy"]


def test_init_makes_what_the_engines_need_and_may_run_again(tmp_path: Path) -> None:
    site = Platform(tmp_path, {"CHANGES": '["statistics"]'})
    first, second = site.command("init", "--json"), site.command("init", "--json")
    assert json.loads(told(first)) == json.loads(told(second))
    assert json.loads(first.stdout)["broker"][1] == "19 topics, 19 groups"
    assert (site.data / "store" / "archive").is_dir()


def test_an_engine_whose_extra_is_not_installed_names_the_command(tmp_path: Path) -> None:
    site = Platform(tmp_path, {"BROKER": "kafka://127.0.0.1:9"})
    hidden = tmp_path / "hidden"
    (hidden / "confluent_kafka").mkdir(parents=True)
    (hidden / "confluent_kafka" / "__init__.py").write_text(
        "raise ModuleNotFoundError('gone', name='confluent_kafka')"
    )
    answer = site.command("init", environment={"PYTHONPATH": str(hidden)})
    assert answer.returncode == os.EX_CONFIG
    assert answer.stderr.splitlines() == [
        "mediakiln: MEDIAKILN_BROKER is kafka://, which needs confluent_kafka; it is not installed",
        "  pip install 'mediakiln[kafka]'",
    ]


def test_a_password_in_an_engines_address_is_never_shown(tmp_path: Path) -> None:
    site = Platform(tmp_path, {"CATALOG": "postgresql://me:s3cret@127.0.0.1:9/media"})
    for command in ("config", "doctor", "init"):
        answer = site.command(command)
        assert "s3cret" not in answer.stdout + answer.stderr
        assert "me:***@" in answer.stdout or command == "init"


def test_process_runs_a_recipe_with_no_server(tmp_path: Path) -> None:
    alone = Platform(tmp_path)
    (tmp_path / "a.txt").write_bytes(media.text())
    (tmp_path / "b.jpg").write_bytes(media.jpeg()[:200])
    answer = alone.command("process", "a.txt", "b.jpg", "--out", "out", "--json")
    found = {item["file"]: item for item in map(json.loads, told(answer, 1).splitlines())}
    assert found["a.txt"]["state"] == "ready"
    assert all(Path(tmp_path, path).is_file() for path in found["a.txt"]["products"].values())
    assert found["b.jpg"]["state"] in {"failed", "rejected"}
    assert not alone.data.exists()


def _bury_two(site: Platform) -> None:
    """Messages that no release can read, put into a queue."""

    async def publish() -> None:
        broker = SqliteBroker.from_url(f"sqlite:///{site.data}/broker.db")
        await broker.ensure(TOPOLOGY)
        message = Received(asset=new_id()).to_message()
        for _ in range(2):
            spoilt = message.model_copy(update={"id": new_id(), "body": b"not an event"})
            await broker.publish("received", [spoilt])
        await broker.close()

    asyncio.run(publish())
    _until_letters(site, 2)


def _until_letters(site: Platform, count: int) -> None:
    with site.client() as client:
        until(lambda: len(list(client.dead_letters())) == count)
