"""tus from outside: killed servers, and the clients that everybody uses."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Final

import httpx2
import pytest

from support.platform import Platform, platform
from support.site import a_text
from support.tus import STREAM, VERSION, described

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tus")]

MODULES: Final = "MEDIAKILN_TEST_NODE_MODULES"
"""A folder `node_modules` that has tus-js-client."""
DATA: Final = a_text(12_000_000)

SCRIPT: Final = """
const tus = require('tus-js-client');
const fs = require('fs');
const [endpoint, path, parallel, abort] = process.argv.slice(1);
const size = fs.statSync(path).size;
let aborted = abort !== 'abort';
const options = {
  endpoint, parallelUploads: Number(parallel), chunkSize: 1000000,
  uploadSize: parallel === "1" ? size : null,
  retryDelays: [0, 1000, 3000, 5000],
  metadata: { filename: 'a.txt', filetype: 'text/plain' },
  onError: (error) => { console.error(String(error)); process.exit(1); },
  onSuccess: (payload) => {
    console.log(payload.lastResponse.getHeader('Mediakiln-Asset'));
  },
  onChunkComplete: async (_, accepted) => {
    if (aborted || accepted < size / 3) return;
    aborted = true;
    await upload.abort();
    const again = new tus.Upload(fs.createReadStream(path), { ...options, uploadUrl: upload.url });
    again.start();
  },
};
const upload = new tus.Upload(fs.createReadStream(path), options);
upload.start();
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("tus"), settings={"WORKERS": "1"}) as made:
        yield made


def created(http: httpx2.Client, size: int) -> str:
    answer = http.post(
        "/v1/tus",
        headers={
            **VERSION,
            "Upload-Length": str(size),
            "Upload-Metadata": described(filename="a.txt"),
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def offset(http: httpx2.Client, url: str) -> int:
    """Where the upload stands, once anybody answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = http.head(url, headers=VERSION)
            if answer.status_code == 200:
                return int(answer.headers["upload-offset"])
        except httpx2.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def finished(http: httpx2.Client, url: str, start: int) -> str:
    """Send the rest as clients do, again while the lock of the dead stands; the asset."""
    deadline = time.monotonic() + 60
    headers = {**VERSION, **STREAM, "Upload-Offset": str(start)}
    while True:
        try:
            answer = http.patch(url, headers=headers, content=DATA[start:])
            if answer.status_code == 204:
                return str(answer.headers["mediakiln-asset"])
            assert answer.status_code in {423, 503}, answer.text
        except httpx2.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def pushed(http: httpx2.Client, url: str, start: int, end: int) -> socket.socket:
    """A connection in the middle of a PATCH whose bytes up to `end` are durable.

    It is opened anew while the lock of a dead server's request still stands.
    """
    port = httpx2.URL(url).port
    assert port is not None
    for _ in range(20):
        link = socket.create_connection(("127.0.0.1", port))
        link.sendall(patch_head(url, start) + DATA[start:end])
        until = time.monotonic() + 5
        while time.monotonic() < until:
            if offset(http, url) == end:
                return link
            time.sleep(0.05)
        link.close()
        start = offset(http, url)
    raise AssertionError("the bytes are not taken")


@pytest.mark.faults
def test_a_server_that_is_killed_in_the_middle_loses_nothing_it_had_told(tmp_path: Path) -> None:
    with (
        platform(tmp_path, settings={"WORKERS": "1"}) as made,
        httpx2.Client(base_url=made.url, timeout=30, trust_env=False) as http,
    ):
        url, known = created(http, len(DATA)), 0
        for end in (4_000_000, 8_000_000):
            with pushed(http, url, known, end):
                for core in made.named("run", "core"):
                    core.kill()
                    core.wait()
            known = offset(http, url)
            assert known == end
        asset = http.get(finished(http, url, known)).json()
        assert http.get(asset["url"]).content == DATA


def patch_head(url: str, start: int) -> bytes:
    """The head of a PATCH that promises all the rest."""
    lines = (
        f"PATCH {httpx2.URL(url).path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Tus-Resumable: 1.0.0",
        f"Upload-Offset: {start}",
        f"Content-Length: {len(DATA) - start}",
        "Content-Type: application/offset+octet-stream",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(("parallel", "abort"), [("1", ""), ("1", "abort"), ("3", "")])
def test_tus_js_client_uploads_and_resumes(
    site: Platform, tmp_path: Path, parallel: str, abort: str
) -> None:
    modules = os.environ.get(MODULES)
    if modules is None or shutil.which("node") is None:
        pytest.skip(f"{MODULES} names no folder with tus-js-client, or there is no node")
    path = tmp_path / "a.txt"
    path.write_bytes(DATA)
    done = subprocess.run(
        ["node", "-e", SCRIPT, f"{site.url}/v1/tus", str(path), parallel, abort],
        env=os.environ | {"NODE_PATH": modules},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    asset = httpx2.get(done.stdout.strip(), trust_env=False).json()
    assert httpx2.get(asset["url"], trust_env=False).content == DATA


def test_tuspy_uploads_and_resumes(site: Platform) -> None:
    if find_spec("tusclient") is None:
        pytest.skip("tuspy is not installed")
    client = import_module("tusclient.client").TusClient(f"{site.url}/v1/tus")
    given = {"chunk_size": 5_000_000, "metadata": {"filename": "a.txt"}}
    first = client.uploader(file_stream=BytesIO(DATA), **given)
    first.upload_chunk()
    again = client.uploader(file_stream=BytesIO(DATA), url=first.url, upload_checksum=True, **given)
    assert again.offset == 5_000_000
    again.upload()
    id = first.url.rpartition("/")[2]
    asset = httpx2.get(f"{site.url}/v1/assets/{id}", trust_env=False).json()
    assert httpx2.get(asset["url"], trust_env=False).content == DATA
