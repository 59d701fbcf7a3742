"""kill -9 in the middle of parts and of completions: another process goes on, nothing is lost.

Two processes work on one data folder: `mediakiln run multipart`, which dies, and `run web`.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from support import media
from support.platform import PATIENCE, READY_S, Platform
from support.waiting import until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("kill_uploads"),
]

PART = 3_000_000
DYING = """
import os, signal, sys
from pathlib import Path
from mediakiln.cli.main import main
from mediakiln.roles import parts

made = parts.multipart

def dying(settings, engines):
    uploads = made(settings, engines)
    owner, name, first = {
        "before the object": (uploads.parts, "complete", True),
        "after the object": (uploads.parts, "complete", False),
        "after the asset": (uploads._finish._entry, "enter", False),
        "after the end": (uploads._finish, "_end", False),
    }[os.environ["DIE"]]
    call = getattr(owner, name)

    async def last(*given, **named):
        if not first:
            await call(*given, **named)
        Path(os.environ["DIED"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, last)
    return uploads

parts.multipart = dying
sys.argv[0] = "mediakiln"
main()
"""
"""The command line, in whose process a completion is the last thing that is done."""


class Pair(Platform):
    """A door that can be killed, and the whole web application beside it."""

    def command_line(self, *arguments: str) -> list[str]:
        if "DIE" in os.environ and "multipart" in arguments:
            return [sys.executable, "-c", DYING, *arguments]
        return super().command_line(*arguments)


@contextmanager
def pair(folder: Path) -> Iterator[tuple[Pair, str, str]]:
    """The platform, the address of the door that will be killed, and of the other."""
    site = Pair(folder)
    urls = []
    try:
        for role in ("web", "multipart"):
            port = _free_port()
            urls.append(f"http://127.0.0.1:{port}")
            site.start("run", role, "--port", str(port))
            until(lambda: site.ready(urls[-1]), within=READY_S * PATIENCE)
        yield site, urls[1], urls[0]
        site.stop(expect=None)
        assert site.survivors() == []
    finally:
        site.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(method: str, url: str, **more: Any) -> httpx2.Response:
    return httpx2.request(method, url, timeout=30, trust_env=False, **more)


def opened(url: str, data: bytes) -> str:
    body = {"filename": "a.jpg", "size": len(data), "part_size": PART}
    answer = call("POST", f"{url}/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, start in enumerate(range(0, len(data), PART), 1):
        yield number, data[start : start + PART]


def a_picture() -> bytes:
    """A picture of several parts: decoders ignore what stands behind it."""
    return media.jpeg() + os.urandom(2 * PART + 500)


def writes_below(process: psutil.Process, folder: Path) -> bool:
    """Whether a process has bytes on their way into a file there."""
    return any(
        Path(file.path).is_relative_to(folder) and Path(file.path).stat().st_size > PART
        for file in process.open_files()
    )


def inputs(site: Platform) -> list[Path]:
    return [path for path in (site.data / "store" / "input").rglob("*") if path.is_file()]


def test_a_door_killed_in_the_middle_of_a_part_keeps_no_half_of_it(tmp_path: Path) -> None:
    data = a_picture()
    (_, first), (_, second), *rest = pieces(data)
    with pair(tmp_path) as (site, dying, living):
        id = opened(dying, data)
        parts = f"/v1/uploads/{id}/parts"
        assert call("PUT", f"{dying}{parts}/1", content=first).status_code == 200
        host, port = dying.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"PUT {parts}/2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(second)}"
            connection.sendall(f"{head}\r\n\r\n".encode() + second[: PART // 2])
            (door,) = site.named("run", "multipart")
            until(lambda: writes_below(door, site.data / "store"), within=30)
            assert call("PUT", f"{living}{parts}/2", content=second).status_code == 423
            door.kill()
            door.wait(30)
        listed = call("GET", f"{living}{parts}").json()["parts"]
        assert [part["number"] for part in listed] == [1]
        assert call("POST", f"{living}/v1/uploads/{id}/complete").status_code == 422
        for number, piece in [(2, second), *rest]:
            assert call("PUT", f"{living}{parts}/{number}", content=piece).status_code == 200
        answer = call("POST", f"{living}/v1/uploads/{id}/complete")
        assert answer.status_code == 201
        assert call("GET", answer.json()["url"]).content == data
        assert len(inputs(site)) == 1


@pytest.mark.parametrize(
    "moment", ["before the object", "after the object", "after the asset", "after the end"]
)
def test_a_door_killed_in_the_middle_of_a_completion_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setenv("DIE", moment)
    monkeypatch.setenv("DIED", str(tmp_path / "died"))
    data = a_picture()
    with pair(tmp_path) as (site, dying, living):
        id = opened(dying, data)
        for number, piece in pieces(data):
            url = f"{dying}/v1/uploads/{id}/parts/{number}"
            assert call("PUT", url, content=piece).status_code == 200
        with pytest.raises(httpx2.TransportError):
            call("POST", f"{dying}/v1/uploads/{id}/complete")
        assert (tmp_path / "died").exists()
        answers = [call("POST", f"{living}/v1/uploads/{id}/complete") for _ in range(2)]
        assert [answer.status_code for answer in answers] == (
            [200, 200] if moment == "after the end" else [201, 200]
        )
        assert {answer.json()["id"] for answer in answers} == {id}
        assert call("GET", answers[0].json()["url"]).content == data
        assert len(inputs(site)) == 1
        assert len(call("GET", f"{living}/v1/assets").json()["assets"]) == 1
