"""The runner contract's part on isolation: what a job cannot reach.

A protection that the runner says it lacks here is skipped with that as the reason.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mediakiln.model.errors import Crashed, OperationFailed
from mediakiln.ports.runner import Made, Report, Runner, TaskDone, TaskFailed, TaskKilled
from mediakiln.testing.runner_tools import UPLOAD, Workbench, step


class RunnerIsolation:
    """Files, network, neighbours, and lies."""

    @pytest.fixture
    async def isolated_files(self, runner: Runner) -> None:
        """Only where the runner confines files."""
        await runner.start()
        if not runner.capabilities.isolated_files:
            pytest.skip(f"files are not isolated here: {runner.capabilities.detail}")

    @pytest.fixture
    async def isolated_network(self, runner: Runner) -> None:
        """Only where the runner confines the network."""
        await runner.start()
        if not runner.capabilities.isolated_network:
            pytest.skip(f"the network is not isolated here: {runner.capabilities.detail}")

    @pytest.mark.usefixtures("isolated_files")
    async def test_system_files_cannot_be_read(self, bench: Workbench) -> None:
        paths = ["/etc/passwd", "/etc/hostname", "/proc/1/environ", "/proc/self/environ"]
        steps = [step("read_file", f"s{n}", path=path) for n, path in enumerate(paths)]
        failed = [each for each in await bench.run(*steps) if isinstance(each, TaskFailed)]
        assert [each.error.context["exception"] for each in failed] == ["PermissionError"] * 4

    @pytest.mark.usefixtures("isolated_files")
    async def test_a_neighbours_files_cannot_be_read(self, bench: Workbench) -> None:
        other = bench.work(step("copy"))
        for secret in (other.readable[0], other.scratch / "secret"):
            secret.write_bytes(b"not yours")
            failed = await bench.failed(step("read_file", path=str(secret)))
            assert failed.error.context["exception"] == "PermissionError"

    @pytest.mark.usefixtures("isolated_files")
    async def test_nothing_can_be_written_outside(self, bench: Workbench) -> None:
        upload = bench.work(step("copy")).readable[0]
        for path in (bench.folder / "new", upload, Path("/tmp/mediakiln-mock"), Path("/dev/shm/x")):  # noqa: S108 - must be refused
            failed = await bench.failed(step("write_outside", path=str(path)))
            assert failed.error.context["exception"] == "PermissionError"
        assert not (bench.folder / "new").exists()

    @pytest.mark.usefixtures("isolated_files")
    async def test_its_own_upload_cannot_be_changed(self, bench: Workbench) -> None:
        work = bench.work(step("write_outside", path=str(bench.folder / "upload-1")))
        reports = [report async for report in bench.runner.run(work)]
        assert not isinstance(reports[-1], TaskDone)
        assert work.readable[0].read_bytes() != b"written by a job"

    @pytest.mark.usefixtures("isolated_network")
    async def test_no_port_can_be_reached(self, bench: Workbench) -> None:
        reached = asyncio.Event()
        server = await asyncio.start_server(lambda *_: reached.set(), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            failed = await bench.failed(step("connect", port=port))
        assert isinstance(failed.error, OperationFailed)
        assert not reached.is_set()

    @pytest.mark.usefixtures("isolated_network")
    async def test_no_unix_socket_can_be_reached(
        self, bench: Workbench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(bench.folder)  # the whole path may be too long for a socket
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("door")
            server.listen()
            failed = await bench.failed(step("connect", socket="../door"))
        assert isinstance(failed.error, OperationFailed)

    async def test_no_secret_of_the_worker_reaches_a_job(
        self, bench: Workbench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MEDIAKILN_SECRET", "swordfish")
        await bench.runner.close()
        done = await bench.done(step("environment"))
        words = done.made[0].path.read_text()
        assert "swordfish" not in words
        assert "VIPS_BLOCK_UNTRUSTED" in words

    @pytest.mark.parametrize("target", ["../first/copy", "../first"])
    async def test_a_link_put_in_place_of_a_reported_product_leads_nobody_to_its_target(
        self, bench: Workbench, target: str
    ) -> None:
        secret = bench.folder / "secret"
        secret.mkdir()
        (secret / "copy").write_bytes(b"what only the worker can read")
        link = str(secret / "copy" if target.endswith("copy") else secret)
        work = bench.work(step("copy", "first"), step("tamper", target=target, link=link))
        reports = bench.runner.run(work)
        (made,) = await _made(reports)
        (work.scratch / "go").touch()
        assert isinstance([report async for report in reports][-1], TaskDone)
        assert (work.scratch / "first").is_symlink() or (work.scratch / "first/copy").is_symlink()
        assert not made.path.is_symlink()
        assert made.path.read_bytes() == UPLOAD

    async def test_a_child_writes_to_no_link_that_another_left(self, bench: Workbench) -> None:
        precious = bench.folder / "precious"
        precious.mkdir()
        (precious / "output.log").touch()
        work = bench.work(step("copy", print_bytes=100))
        (work.scratch / ".runner").symlink_to(precious)
        assert isinstance([each async for each in bench.runner.run(work)][-1], TaskKilled)
        (work.scratch / ".runner").unlink()
        (work.scratch / ".runner").mkdir()
        (work.scratch / ".runner" / "output.log").symlink_to(precious / "output.log")
        assert isinstance([each async for each in bench.runner.run(work)][-1], TaskKilled)
        assert (precious / "output.log").stat().st_size == 0

    @pytest.mark.parametrize("first", ["copy", "hold"])
    async def test_a_reported_product_can_be_changed_no_more(
        self, bench: Workbench, first: str
    ) -> None:
        work = bench.work(
            step(first, "first"), step("tamper", target="../first/copy", bytes="other")
        )
        reports = bench.runner.run(work)
        (made,) = await _made(reports)
        (work.scratch / "go").touch()
        assert len([report async for report in reports]) == 2
        assert made.path.read_bytes() == UPLOAD

    @pytest.mark.usefixtures("isolated_files")
    async def test_nobody_but_the_runner_reaches_a_product_s_second_name(
        self, bench: Workbench
    ) -> None:
        work = bench.work(step("copy", "first"))
        (made,) = await _made(bench.runner.run(work))
        for name in ("read_file", "write_outside"):
            failed = await bench.failed(step(name, path=str(made.path)))
            assert failed.error.context["exception"] == "PermissionError"
        assert made.path.parent == work.kept

    @pytest.mark.parametrize(
        "message",
        [
            "\x00\x00\x00\x02{}",
            "\x00\x00\x00\x04null",
            "\xff\xff\xff\xffmuch",
            "\x00\x00\x00\x03{{{",
            "\x00\x01\x86\xa0" + "[" * 100_000,
            '\x00\x00\x00\x1e{"type":"started","name":"no"}',
            '\x00\x00\x00\x26{"type":"failed","name":"step","x":1234}',
        ],
    )
    async def test_a_child_that_lies_is_ended(self, bench: Workbench, message: str) -> None:
        killed = await bench.killed(step("lie", message=message))
        assert isinstance(killed.error, Crashed)
        assert isinstance(await bench.done(step("copy")), TaskDone)


async def _made(reports: AsyncIterator[Report]) -> Sequence[Made]:
    """The products of the next task that is done."""
    async for report in reports:
        if isinstance(report, TaskDone):
            return report.made
    raise AssertionError("no task was done")
