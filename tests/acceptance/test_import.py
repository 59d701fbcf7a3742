"""Imports and a watched folder on a running platform, from the command line."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support import media
from support.platform import Platform, platform
from support.waiting import until

pytestmark = pytest.mark.xdist_group("imports")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that has some pictures."""
    folder = tmp_path_factory.mktemp("origin")
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(media.jpeg(number, 40, 30))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, origin: str) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("imports")
    for name in ("in", "shelf"):
        (folder / name).mkdir()
    (folder / "shelf" / "a.jpg").write_bytes(media.jpeg(7, 40, 30))
    settings = {
        "IMPORT_PRIVATE": "true",
        "IMPORT_PORTS": f"[{origin.rpartition(':')[2]}]",
        "IMPORT_SOURCES": json.dumps({"shelf": f"file://{folder}/shelf"}),
        "WATCH": json.dumps([{"path": f"{folder}/in", "after": "move", "tags": ["seen"]}]),
        "WATCH_SETTLE_S": "0.5",
    }
    with platform(folder, auth=True, settings=settings) as made:
        yield made


def test_addresses_are_fetched_and_what_failed_is_told(site: Platform, origin: str) -> None:
    answer = site.command("import", f"{origin}/0.jpg", f"{origin}/none.jpg", "--wait")
    assert answer.returncode == 1, answer.stderr
    id, state = answer.stdout.split()
    assert (len(id), state) == (36, "done")
    assert f"2 {origin}/none.jpg: fetch_refused: the server answered 404" in answer.stderr


def test_a_manifest_is_fetched(site: Platform, origin: str, tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"url,name\n{origin}/1.jpg,One.jpg\n{origin}/2.jpg,\n")
    answer = site.command("import", "--manifest", str(manifest), "--wait", "--json")
    assert answer.returncode == 0, answer.stderr
    job = json.loads(answer.stdout)
    assert (job["state"], job["total"], job["done"]) == ("done", 2, 2)


def test_a_place_is_fetched_and_no_other(site: Platform) -> None:
    answer = site.command("import", "--source", "shelf/a", "--wait", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["done"] == 1
    answer = site.command("import", "--source", "elsewhere")
    assert answer.returncode == 1
    assert "shelf" in answer.stderr


def test_a_file_in_the_watched_folder_becomes_an_asset(site: Platform) -> None:
    picture = media.jpeg(9, 40, 30)
    (site.folder / "in" / "new.jpg").write_bytes(picture)
    done = site.folder / "in" / "done" / "new.jpg"
    until(done.exists, within=60)
    assert done.read_bytes() == picture
    listed = json.loads(site.command("assets", "list", "--json").stdout)
    assert ("new.jpg", ["seen"]) in [(asset["name"], asset["tags"]) for asset in listed]
