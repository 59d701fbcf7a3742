"""The doors of tus and of parts: one large upload, beside the disk, the hash and tus' own server.

    python benchmarks/tus.py

BENCH_BYTES, 1 GB if not set, is the upload's size. The reference is tus.io's own server
for Node, `@tus/server` with `@tus/file-store`, which npm installs below the user's cache folder;
without npm those figures are left out. It leaves the bytes to the system's cache, where ours are
on the disk when it answers. So it is measured twice: until its answer, and until its file is synced
after that. The disk's own figure is a file written plainly, through the cache, and synced.
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from blake3 import blake3

from figures import report

Row = dict[str, Any]

MB = 1_000_000
BYTES = int(os.environ.get("BENCH_BYTES", 1000 * MB))
ROUNDS = 5
BLOCK = (b"The quick brown fox jumps over the lazy dog.\n" * 23_302)[: 1 << 20]
START_S = 30
PACKAGES = ("@tus/server@2.4.5", "@tus/file-store@2.1.1")
SCRIPT = """
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'
const store = new FileStore({ directory: process.argv[2] })
new Server({ path: '/v1/tus', datastore: store }).listen(
  { host: '127.0.0.1', port: Number(process.argv[3]) })
"""


def measure() -> list[Row]:
    """Every figure, in about a minute; servers take turns, so that noise hits both."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        reference = _reference()
        with _ours(root, "tus") as tus, _ours(root, "multipart") as parts:
            ours = {"tus upload": lambda: _upload(tus)[0], "upload in parts": lambda: _parts(parts)}
            if reference is None:
                alone = [_round(root, ours, None, turn) for turn in range(ROUNDS)]
                return [_beside_disk(name, alone) for name in ours]
            with _node(reference, root) as rival:
                rounds = [_round(root, ours, rival, turn) for turn in range(ROUNDS)]
    return [
        row
        for name in ours
        for row in (
            _beside_disk(name, rounds),
            _beside_node(name, "its answer", rounds),
            _beside_node(name, "its bytes are durable", rounds),
        )
    ]


def _round(
    root: Path, ours: Mapping[str, Callable[[], float]], rival: int | None, turn: int
) -> dict[str, float]:
    """MB/s of the disk, of each door, and of the rival by either end; who begins changes."""
    found = {"disk": _disk(root)}
    doors = [*ours, *([] if rival is None else ["rival"])]
    for name in doors[:: -1 if turn % 2 else 1]:
        if name in ours:
            found[name] = ours[name]()
        else:
            assert rival is not None
            found["its answer"], found["its bytes are durable"] = _upload(rival, root / "node")
    return found


def _beside_disk(name: str, rounds: list[dict[str, float]]) -> Row:
    disk, rate = _median(rounds, "disk"), _median(rounds, name)
    hashing = _hashing()
    ratio = rate / min(disk, hashing)
    beside = f"min(disk {disk:,.0f}, blake3 {hashing:,.0f})"
    return _row(name, rate, rival=beside, ratio=ratio, least=0.8)


def _beside_node(name: str, end: str, rounds: list[dict[str, float]]) -> Row:
    rate, other = _median(rounds, name), _median(rounds, end)
    beside = f"@tus/server on Node, until {end}: {other:,.0f}"
    return _row(name, rate, rival=beside, ratio=rate / other, least=1.0)


def _median(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(found[name] for found in rounds)


@contextmanager
def _ours(root: Path, role: str) -> Iterator[int]:
    """One door alone."""
    port = _free_port()
    settings = {
        "DATA": str(root / "data"),
        "AUTH": "0",
        "PORT": str(port),
        "RESERVE_BYTES": "0",
        "LOG_LEVEL": "warning",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAKILN_")}
    environment = kept | {f"MEDIAKILN_{name}": value for name, value in settings.items()}
    with _running([sys.executable, "-m", "mediakiln", "run", role], port, environment):
        yield port


@contextmanager
def _node(folder: Path, root: Path) -> Iterator[int]:
    port, target = _free_port(), root / "node"
    target.mkdir()
    command = ["node", str(folder / "server.mjs"), str(target), str(port)]
    with _running(command, port, os.environ):
        yield port


@contextmanager
def _running(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=dict(environment))
    try:
        deadline = time.monotonic() + START_S
        while not _listens(port):
            assert process.poll() is None, command
            assert time.monotonic() < deadline, command
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _reference() -> Path | None:
    """The folder of the reference server; None where npm is missing or cannot install it."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        print("left out: the reference server needs node and npm")
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "mediakiln" / "tus-reference"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.mjs").write_text(SCRIPT)
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *PACKAGES]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        print("left out: npm could not install the reference server")
        return None
    return folder


def _upload(port: int, folder: Path | None = None) -> tuple[float, float]:
    """MB/s from the creation to the answer to the last byte, and to a sync of the file after it.

    Args:
        port: the server's.
        folder: where the server keeps files by the uploads' ids; None if it syncs them itself.
    """
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as link:
        made = _ask(link, "POST", "/v1/tus", {"Upload-Length": BYTES, "Content-Length": 0})
        found = re.search(rb"(?i)\r\nlocation: *\S*?(/v1/tus/\S+)", made)
        assert found is not None, made
        path = found[1].decode()
        headers = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": 0,
            "Content-Length": BYTES,
        }
        link.sendall(_head("PATCH", path, headers))
        left = BYTES
        while left:
            sent = min(left, len(BLOCK))
            link.sendall(memoryview(BLOCK)[:sent])
            left -= sent
        answer = link.recv(65536)
        assert answer.startswith(b"HTTP/1.1 204"), answer
        answered = time.perf_counter() - began
        if folder is not None:
            _sync(folder / path.rpartition("/")[2])
        durable = time.perf_counter() - began
        _ask(link, "DELETE", path, {})
    return BYTES / MB / answered, BYTES / MB / durable


def _parts(port: int) -> float:
    """MB/s from the opening to the answer to the completion, four parts at a time."""
    began = time.perf_counter()
    opened = _told(port, "POST", "/v1/uploads", json.dumps({"filename": "a.txt", "size": BYTES}))
    size, path = opened["part_size"], f"/v1/uploads/{opened['id']}"
    block = (BLOCK * (size // len(BLOCK) + 1))[:size]

    def send(number: int) -> None:
        last = BYTES - (number - 1) * size
        _told(port, "PUT", f"{path}/parts/{number}", memoryview(block)[: min(size, last)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(1, opened["parts"] + 1)))
    _told(port, "POST", f"{path}/complete", b"")
    return BYTES / MB / (time.perf_counter() - began)


def _told(port: int, method: str, path: str, body: Any) -> dict[str, Any]:
    link = HTTPConnection("127.0.0.1", port)
    try:
        link.request(method, path, body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        told = answer.read()
        assert answer.status < 300, (answer.status, told)
        return json.loads(told) if told else {}
    finally:
        link.close()


def _sync(path: Path) -> None:
    assert path.stat().st_size == BYTES
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ask(link: socket.socket, method: str, path: str, headers: Mapping[str, Any]) -> bytes:
    link.sendall(_head(method, path, headers))
    answer = link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 20"), answer
    return answer


def _head(method: str, path: str, headers: Mapping[str, Any]) -> bytes:
    given = {"Host": "127.0.0.1", "Tus-Resumable": "1.0.0", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _disk(folder: Path) -> float:
    """MB/s of writing and syncing a file as large as the upload."""
    path = folder / "disk"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(BYTES // len(BLOCK)):
            file.write(BLOCK)
        os.fsync(file.fileno())
    rate = BYTES / MB / (time.perf_counter() - began)
    path.unlink()
    return rate


def _hashing() -> float:
    digest, began = blake3(), time.perf_counter()
    for _ in range(BYTES // len(BLOCK)):
        digest.update(BLOCK)
    digest.digest()
    return BYTES / MB / (time.perf_counter() - began)


def _listens(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])


def _row(name: str, value: float, *, rival: str, ratio: float, least: float) -> Row:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "MB/s",
        "rival": rival,
        "ratio": ratio,
        "target": f">= {least}",
        "holds": ratio >= least,
    }


if __name__ == "__main__":
    report(measure, __doc__)
