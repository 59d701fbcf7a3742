"""The image: its steps, its health check, and which protections of the sandbox hold in it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mediakiln.cli.main import app
from support import compose, container

DOCKERFILE = (compose.FOLDER / "Dockerfile").read_text()
NEEDED = {
    *("socket", "connect", "accept", "accept4", "bind", "listen"),  # engines and HTTP
    "unshare",  # the zygote's own network
    *("memfd_create", "shmget", "semget", "msgget", "mq_open"),  # harmless outside of a job
}
"""What the filter of jobs denies, and the worker's profile must not or need not."""


def instructions(name: str) -> list[str]:
    """The arguments of each such instruction, its lines joined."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


def under(profile: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command under a profile of `support.container`."""
    return subprocess.run(
        [sys.executable, "-m", "support.container", profile, *command],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(compose.ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def protections(profile: str | None, folder: Path) -> dict[str, str]:
    """What `mediakiln doctor` finds of the sandbox."""
    doctor = [sys.executable, "-m", "mediakiln", "doctor", "--json", "--data", str(folder)]
    if profile is None:
        done = subprocess.run(doctor, capture_output=True, text=True, timeout=100, check=False)
    else:
        done = under(profile, *doctor)
    found = {each["name"]: each["found"] for each in json.loads(done.stdout)}
    return {
        name.removeprefix("sandbox: "): how.partition(" ")[0]
        for name, how in found.items()
        if name.startswith("sandbox: ")
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The protections of this machine; a test about less of them needs all of them here."""
    found = protections(None, tmp_path_factory.mktemp("here"))
    if lacking := [name for name, how in found.items() if how != "active"]:
        pytest.skip(f"the sandbox lacks {', '.join(lacking)} here already")
    return found


@pytest.mark.xdist_group("container")
def test_with_dockers_default_filter_jobs_are_isolated_but_have_no_namespaces(
    here: dict[str, str], tmp_path: Path
) -> None:
    found = protections("default", tmp_path)
    lost = {name for name in here if found[name] != "active"}
    assert lost == {"network namespace", "process namespace"}


def test_with_dockers_default_filter_a_strict_worker_starts() -> None:
    start = (
        "import asyncio\n"
        "from mediakiln.sandbox.runner import ForkRunner\n"
        "async def main():\n"
        "    runner = ForkRunner(require_isolation=True)\n"
        "    await runner.start()\n"
        "    await runner.close()\n"
        "asyncio.run(main())"
    )
    done = under("default", sys.executable, "-c", start)
    assert done.returncode == 0, done.stderr


@pytest.mark.xdist_group("container")
def test_with_the_profile_for_namespaces_nothing_is_lost(
    here: dict[str, str], tmp_path: Path
) -> None:
    assert protections(str(compose.FOLDER / "seccomp.json"), tmp_path) == here


def test_the_profile_denies_what_jobs_are_denied_and_the_worker_does_not_need() -> None:
    (rule,) = json.loads((compose.FOLDER / "seccomp.json").read_text())["syscalls"]
    assert sorted(rule["names"]) == rule["names"]
    assert set(rule["names"]) == container.numbers().keys() - NEEDED | {"iopl", "ioperm"}


def test_the_profile_is_the_one_that_the_compose_file_names() -> None:
    files = ("compose.yaml", f"{compose.SETUPS[0]}.yaml", "namespaces.yaml")
    options = compose.project(*files)["services"]["process"]["security_opt"]
    assert options == ["no-new-privileges:true", "seccomp=./seccomp.json"]


def test_the_image_is_pinned_and_runs_as_nobody_important() -> None:
    for base in instructions("FROM"):
        assert re.match(r"python:3\.11\.\d+-slim-\w+( AS build)?$", base)
    assert instructions("USER") == ["10001:10001"]
    assert "--uid 10001" in DOCKERFILE


def test_the_first_process_of_the_image_is_mediakiln_itself() -> None:
    (entry,), (command,) = instructions("ENTRYPOINT"), instructions("CMD")
    assert json.loads(entry) == ["mediakiln"]
    _, bound, _ = app.parse_args(json.loads(command), exit_on_error=False)
    assert bound.arguments["host"] == "0.0.0.0"


def test_everything_that_is_copied_is_there_and_not_ignored() -> None:
    ignored = (compose.FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        name
        for line in instructions("COPY")
        if not line.startswith("--from")
        for name in line.split()[:-1]
    }
    assert ignored[0] == "*"
    assert copied == kept
    assert all((compose.ROOT / name).exists() for name in copied)


def locked(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run `locked.py` for a report that names these packages."""
    report = folder / "report.json"
    items = [{"metadata": {"name": name, "version": "1"}} for name in ("mediakiln", *names)]
    report.write_text(json.dumps({"install": items}))
    command = [sys.executable, str(compose.FOLDER / "locked.py"), str(report)]
    return subprocess.run(
        [*command, str(compose.ROOT / "requirements.lock")],
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_needed_packages_are_taken_from_the_lock_with_their_hashes(tmp_path: Path) -> None:
    done = locked(tmp_path, "Pydantic_Settings", "uvloop")
    assert done.returncode == 0, done.stderr
    entries = re.findall(r"^(\S+)==", done.stdout, re.MULTILINE)
    assert entries == ["pydantic-settings", "uvloop"]
    assert all("--hash=sha256:" in part for part in re.split(r"\n(?=\S)", done.stdout))


def test_every_entry_of_a_package_is_taken(tmp_path: Path) -> None:
    lock = (compose.ROOT / "requirements.lock").read_text()
    entries = re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE)
    twice = {name for name in entries if entries.count(name) > 1}
    assert twice
    for name in twice:
        taken = locked(tmp_path, name).stdout
        assert len(re.findall(rf"^{re.escape(name)}==", taken, re.MULTILINE)) > 1


def test_a_package_that_is_not_locked_stops_the_build(tmp_path: Path) -> None:
    done = locked(tmp_path, "uvloop", "nowhere-to-be-found")
    assert done.returncode == 1
    assert "not in" in done.stderr
    assert "nowhere-to-be-found" in done.stderr


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that answers `/readyz` so; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_whether_the_web_is_ready(status: int, *, healthy: bool) -> None:
    with answering(status) as port:
        done = subprocess.run(
            [sys.executable, compose.FOLDER / "ready.py"],
            env={"MEDIAKILN_PORT": str(port)},
            capture_output=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode == 0) is healthy
