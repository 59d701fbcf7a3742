"""`mediakiln submit` as a process of its own, against a server in this one."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mediakiln.client import AsyncClient
from mediakiln.web.app import create_app
from support.clients import KEY, Refusing
from support.platform import clean_environment
from support.site import a_text, services_of, serving
from support.waiting import eventually
from support.world import NoRunner, World

MIB = 1024 * 1024
SIZE = 40 * MIB
PATIENCE_S = 60


@dataclass
class Place:
    """A server, what stands before it, and a folder to send from."""

    line: Refusing
    port: int
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def client(self) -> AsyncClient:
        return AsyncClient(f"http://127.0.0.1:{self.port}", KEY)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Begin a submit."""
        where = {
            "MEDIAKILN_URL": f"http://{quote(KEY, safe='')}@127.0.0.1:{self.port}",
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "mediakiln", "submit", *arguments),
            cwd=self.folder,
            env=clean_environment(where | self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def submit(self, *arguments: str, code: int = 0) -> tuple[list[dict[str, Any]], str]:
        """Its objects on standard output, and standard error."""
        process = await self.start(*arguments, "--json")
        out, err = await process.communicate()
        assert process.returncode == code, err.decode()
        return [json.loads(line) for line in out.decode().splitlines()], err.decode()

    async def end(self, process: asyncio.subprocess.Process, how: signal.Signals) -> str:
        """End it; what it said of that."""
        process.send_signal(how)
        _, err = await process.communicate()
        assert process.returncode == (130 if how is signal.SIGINT else -how)
        return err.decode()

    def sent(self) -> list[str]:
        """What was sent since this was asked last."""
        lines = [line for line in self.line.seen if line.startswith(("PUT ", "POST "))]
        self.line.seen.clear()
        return lines


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    world = World(tmp=tmp_path / "world", runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    line = Refusing(create_app(services_of(world, owner_key=KEY)))
    folder = tmp_path / "from"
    folder.mkdir()
    async with serving(line) as server:
        yield Place(line, server.port, folder)


@pytest.fixture
def film(place: Place) -> Path:
    path = place.folder / "film.txt"
    path.write_bytes(a_text(SIZE))
    return path


@pytest.fixture
def album(place: Place) -> Path:
    """A folder of twelve files, some of them further down."""
    for number in range(12):
        path = place.folder / "album" / ("more" if number % 3 else ".") / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(a_text(100 + number))
    return place.folder / "album"


async def begun(place: Place, film: Path, how: signal.Signals) -> str:
    """An upload that was ended with one of five parts missing; its id."""
    place.line.hold = lambda line: line.endswith("/parts/3")
    process = await place.start(str(film))
    async with place.client() as client:

        async def four() -> bool:
            uploads = [upload async for upload in client.uploads.list()]
            return bool(uploads) and [
                part.number async for part in client.uploads.parts(uploads[0].id)
            ] == [1, 2, 4, 5]

        await eventually(four, within_s=PATIENCE_S)
        [upload] = [upload async for upload in client.uploads.list()]
    said = await place.end(process, how)
    assert how is not signal.SIGINT or "goes on from there" in said
    place.line.hold = lambda _: False
    place.sent()
    return upload.id


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_an_upload_that_was_ended_goes_on_with_the_missing_part(
    place: Place, film: Path, how: signal.Signals
) -> None:
    upload = await begun(place, film, how)
    [answer], _ = await place.submit(str(film))
    assert (answer["id"], answer["bytes"]) == (upload, SIZE)
    assert place.sent() == [
        f"PUT /v1/uploads/{upload}/parts/3",
        f"POST /v1/uploads/{upload}/complete",
    ]


async def test_a_file_that_was_changed_since_starts_anew(place: Place, film: Path) -> None:
    upload = await begun(place, film, signal.SIGKILL)
    film.write_bytes(b"!" + a_text(SIZE - 1))
    [answer], _ = await place.submit(str(film))
    assert answer["id"] != upload
    async with place.client() as client:
        assert [pending async for pending in client.uploads.list()] == []


async def test_an_upload_that_the_server_forgot_starts_anew(place: Place, film: Path) -> None:
    upload = await begun(place, film, signal.SIGKILL)
    async with place.client() as client:
        await client.uploads.abort(upload)
    [answer], _ = await place.submit(str(film))
    assert answer["id"] != upload
    assert answer["bytes"] == SIZE


async def test_a_folder_is_sent_once_and_then_only_what_is_new(place: Place, album: Path) -> None:
    first, _ = await place.submit("album")
    assert len(first) == 12
    assert not any(item["known"] for item in first)
    (album / "new.txt").write_bytes(a_text(50))
    (album / "0.txt").write_bytes(a_text(51))
    place.sent()
    second, err = await place.submit(str(album))
    assert {Path(item["file"]).name for item in second if not item["known"]} == {"new.txt", "0.txt"}
    assert "13 of 13 files, 11 sent before" in " ".join(err.split())
    assert len(place.sent()) == 2
    assert not any(item["known"] for item in (await place.submit("album", "--again"))[0])
    assert len(place.sent()) == 13


async def test_what_the_server_has_no_more_is_sent_again(place: Place, album: Path) -> None:
    first, _ = await place.submit(str(album))
    async with place.client() as client:
        await client.delete(first[0]["id"])
    second, _ = await place.submit(str(album))
    assert [item["file"] for item in second if not item["known"]] == [first[0]["file"]]


async def test_another_recipe_is_another_job(place: Place, album: Path) -> None:
    await place.submit("album")
    again, _ = await place.submit(str(album), "--recipe", "document")
    assert not any(item["known"] for item in again)


async def test_a_folder_that_was_interrupted_goes_on_from_there(place: Place, album: Path) -> None:
    def after_five(line: str) -> bool:
        return line == "POST /v1/assets" and place.line.seen.count(line) > 5

    place.line.hold = after_five
    process = await place.start(str(album), "--concurrency", "2")
    await eventually(lambda: place.line.seen.count("POST /v1/assets") > 6, within_s=PATIENCE_S)
    assert "interrupted after 5" in await place.end(process, signal.SIGINT)
    place.line.hold = lambda _: False
    place.sent()
    await place.submit("album")
    assert len(place.sent()) == 7
    async with place.client() as client:
        assert len([asset async for asset in client.assets.list()]) == 12


async def test_what_is_sent_from_folders_can_be_chosen(place: Place, album: Path) -> None:
    (album / ".hidden.txt").write_bytes(a_text())
    (album / "link.txt").symlink_to(album / "0.txt")
    (album / "circle").symlink_to(album)
    os.mkfifo(album / "pipe.txt")

    async def names(*options: str) -> set[str]:
        found, _ = await place.submit("album", *options, "--again")
        return {str(Path(item["file"]).relative_to("album")) for item in found}

    everything = await names()
    assert len(everything) == 13
    assert "link.txt" in everything
    assert await names("--hidden") == everything | {".hidden.txt"}
    assert await names("--include", "1*.txt", "--exclude", "10.txt") == {
        "more/1.txt",
        "more/11.txt",
    }
    assert await names("--include", "more/2.*", "--include", "3.txt") == {"more/2.txt", "3.txt"}
    assert all("more" not in name for name in await names("--exclude", "more"))


async def test_a_bad_file_among_good_ones_is_told_and_the_others_are_sent(
    place: Place, album: Path
) -> None:
    (album / "empty.txt").touch()
    (album / "lost.txt").symlink_to(album / "nowhere")
    found, err = await place.submit("album", code=1)
    errors = {Path(item["file"]).name: item["error"] for item in found if "id" not in item}
    assert {name: error["code"] for name, error in errors.items()} == {
        "empty.txt": "empty_file",
        "lost.txt": "unreadable",
    }
    assert sum("id" in item for item in found) == 12
    assert "14 of 14 files, 2 failed" in " ".join(err.split())


async def test_without_a_place_to_remember_files_are_sent_and_that_is_said(
    place: Place, album: Path
) -> None:
    (place.folder / "state").write_text("in the way")
    found, err = await place.submit(str(album))
    assert len(found) == 12
    assert err.count("cannot be remembered") == 1


async def test_an_address_that_is_none_is_a_line_not_a_trace(place: Place, album: Path) -> None:
    place.environment = {"MEDIAKILN_URL": "ftp://:secret@host"}
    _, err = await place.submit(str(album), code=78)
    assert "MEDIAKILN_URL" in err
    assert "secret" not in err
    assert "Traceback" not in err
