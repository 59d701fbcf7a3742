"""A full disk: uploads are refused, readiness says why, and all recovers by itself."""

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mediakiln.client import Asset
from mediakiln.model.kind import AssetState
from support import media, plugin
from support.platform import Platform
from support.tus import STREAM, VERSION, described
from support.waiting import until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("disk_full"),
]

SIZE_MB = 48
SETTINGS = {"RESERVE_BYTES": str(4 * 2**20), "RETRY_BASE_S": "0.2", "LEASE_S": "3", "WORKERS": "2"}


class SmallDisk(Platform):
    """A platform whose data folder is a small file system that only it can see."""

    def command_line(self, *arguments: str) -> list[str]:
        mount = f"mount -t tmpfs -o size={SIZE_MB}m none {shlex.quote(str(self.data))}"
        program = shlex.join([sys.executable, "-m", "mediakiln", *arguments])
        return ["unshare", "-Urm", "sh", "-c", f"{mount} && exec {program}"]

    def enter(self) -> None:
        """From now on the data folder is seen through the platform's own process."""
        self.data = Path(f"/proc/{self.started[0].pid}/root{self.folder}/data")

    def fill(self, *, leave: int) -> None:
        """Fill the disk with ballast but for so many bytes."""
        with (self.data / "ballast").open("ab", buffering=0) as ballast:
            while (room := shutil.disk_usage(self.data).free - leave) > 0:
                try:
                    ballast.write(bytes(min(room, 2**20)))
                except OSError:
                    return

    def free(self) -> None:
        """Take the ballast away."""
        (self.data / "ballast").unlink()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """A platform on a small disk."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "data").mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, for a small file system of its own")
    others = str(plugin.install(folder / "plugins"))
    made = SmallDisk(folder, SETTINGS, module_path=others)
    probe = subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", str(made.data)],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        pytest.skip(f"no file system of its own to be had here: {probe.stderr.strip()}")
    try:
        made.up(started=made.enter)
        yield made
        made.stop()
        assert made.survivors() == []
    finally:
        made.end()


def upload(site: SmallDisk, data: bytes, name: str, **headers: str) -> httpx2.Response:
    return httpx2.post(
        f"{site.url}/v1/assets",
        params={"filename": name},
        content=data,
        headers=headers,
        timeout=30,
        trust_env=False,
    )


def readiness(site: SmallDisk) -> tuple[int, dict[str, Any]]:
    answer = httpx2.get(f"{site.url}/readyz", timeout=30, trust_env=False)
    return answer.status_code, answer.json()["checks"]


def end(site: SmallDisk, id: str) -> Asset:
    with site.client() as client:
        return client.wait(id, timeout=60)


def drafts(site: SmallDisk) -> list[Path]:
    """Files that are neither object nor lock."""
    found = (site.data / "store" / ".incoming").rglob("*")
    return [path for path in found if path.is_file() and path.name != "lock"]


def inputs(site: SmallDisk) -> list[Path]:
    return [path for path in (site.data / "store" / "input").rglob("*") if path.is_file()]


def test_below_the_reserve_uploads_get_507_and_readiness_names_the_store(site: SmallDisk) -> None:
    site.fill(leave=2**20)
    try:
        status, checks = readiness(site)
        assert status == 503
        assert "reserve" in checks["store"]
        assert checks["catalog"] is None
        before = inputs(site)
        answer = upload(site, media.jpeg(), "a.jpg")
        document = answer.json()
        assert (answer.status_code, document["code"]) == (507, "storage_full")
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert "retry-after" in answer.headers
        assert "MEDIAKILN_RESERVE_BYTES" in document["hint"]
        assert inputs(site) == before
        assert drafts(site) == []
    finally:
        site.free()
    until(lambda: readiness(site)[0] == 200)
    assert end(site, upload(site, media.jpeg(), "a.jpg").json()["id"]).state is AssetState.READY


def test_a_file_larger_than_the_room_beside_the_reserve_is_refused_before_its_bytes(
    site: SmallDisk,
) -> None:
    answer = upload(site, bytes(SIZE_MB * 2**20), "big.bin")
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert drafts(site) == []


def test_an_upload_of_unknown_size_that_fills_the_disk_leaves_nothing(site: SmallDisk) -> None:
    def chunks() -> Iterator[bytes]:
        yield media.jpeg()
        for _ in range(SIZE_MB):
            yield bytes(2**20)

    before = inputs(site)
    answer = httpx2.post(
        f"{site.url}/v1/assets",
        params={"filename": "a.jpg"},
        content=chunks(),
        timeout=60,
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    until(lambda: not drafts(site))
    assert inputs(site) == before
    until(lambda: readiness(site)[0] == 200)


def test_a_part_that_finds_the_disk_full_is_sent_again_once_there_is_room(site: SmallDisk) -> None:
    data = media.jpeg() + bytes(3 * 2**20)
    asked = {"filename": "a.jpg", "size": len(data), "part_size": 2**20}
    with httpx2.Client(base_url=site.url, timeout=30, trust_env=False) as http:
        id = http.post("/v1/uploads", json=asked).json()["id"]

        def put(number: int) -> int:
            piece = data[(number - 1) * 2**20 : number * 2**20]
            return http.put(f"/v1/uploads/{id}/parts/{number}", content=piece).status_code

        assert put(1) == 200
        site.fill(leave=2**20)
        try:
            refused = http.post("/v1/uploads", json=asked)
            assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
            assert put(2) == 507
            listed = http.get(f"/v1/uploads/{id}/parts").json()["parts"]
            assert [part["number"] for part in listed] == [1]
        finally:
            site.free()
        until(lambda: readiness(site)[0] == 200)
        assert [put(number) for number in (2, 3, 4)] == [200] * 3
        done = http.post(f"/v1/uploads/{id}/complete")
        assert done.status_code == 201
        assert http.get(done.json()["url"]).content == data
        assert end(site, id).state is AssetState.READY


def test_a_tus_request_that_fills_the_disk_moves_nothing_and_gives_its_space_back(
    site: SmallDisk,
) -> None:
    data, start = media.jpeg() + bytes(12 * 2**20), 2**20
    with httpx2.Client(timeout=60, trust_env=False, headers=VERSION) as http:
        said = {"Upload-Length": str(len(data)), "Upload-Metadata": described(filename="a.jpg")}
        url = http.post(f"{site.url}/v1/tus", headers=said).headers["location"]

        def patch(offset: int, content: bytes | Iterator[bytes]) -> httpx2.Response:
            return http.patch(
                url, headers={**STREAM, "Upload-Offset": str(offset)}, content=content
            )

        def chunks() -> Iterator[bytes]:
            for at in range(start, len(data), 2**20):
                yield data[at : at + 2**20]

        assert patch(0, data[:start]).status_code == 204
        site.fill(leave=8 * 2**20)
        try:
            free = shutil.disk_usage(site.data).free
            for content in (data[start:], chunks()):  # the second does not say how much it is
                refused = patch(start, content)
                assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
                assert http.head(url).headers["upload-offset"] == str(start)
            until(lambda: shutil.disk_usage(site.data).free > free - 2**20)
            neighbour = upload(site, media.jpeg(7), "b.jpg")
            assert neighbour.status_code == 201
        finally:
            site.free()
        assert patch(start, data[start:]).status_code == 204
        asset = end(site, http.head(url).headers["mediakiln-asset"].rpartition("/")[2])
        assert asset.state is AssetState.READY
        assert http.get(asset.url).content == data
        assert end(site, neighbour.json()["id"]).state is AssetState.READY


def test_work_in_flight_while_the_disk_is_full_is_done_afterwards(site: SmallDisk) -> None:
    recipe = {"steps": {"late": {"op": "mischief.write_late", "word": "kiln"}}}
    header = {"X-Recipe": json.dumps(recipe)}
    ids = [upload(site, media.text(n), f"{n}.txt", **header).json()["id"] for n in range(2)]
    with site.client() as client:
        until(lambda: all(client.get(id).state == "processing" for id in ids))
        time.sleep(0.5)
        site.fill(leave=0)
        try:
            assert readiness(site)[0] == 503
            assert upload(site, media.jpeg(5), "b.jpg").status_code == 507
            time.sleep(6)
            assert {str(client.get(id).state) for id in ids} == {"processing"}
        finally:
            site.free()
    until(lambda: readiness(site)[0] == 200)
    ended = [end(site, id) for id in ids]
    assert [(asset.state, asset.error) for asset in ended] == [(AssetState.READY, None)] * 2
    assert not [line for line in site.lines() if "starting it again" in line.get("message", "")]
    with site.client() as client:
        assert list(client.dead_letters()) == []
    assert end(site, upload(site, media.jpeg(6), "c.jpg").json()["id"]).state is AssetState.READY
