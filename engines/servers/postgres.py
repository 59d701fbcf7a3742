"""A PostgreSQL server of Debian's packages, on a data folder of its own.

The system's own service is left alone. Roles: `postgres` may do everything, `mediakiln` owns the
database of its name; both have the password `mediakiln`. Logical decoding is on, for `connect`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from toolkit import HOST, Failed, Place, free_port, listening, start

PROCESSES = ("postgres",)
STOP = signal.SIGINT
"""The fast shutdown: clients are cut off, what they committed is kept."""

_REMEDY = "install PostgreSQL 13 or newer (Debian: apt install postgresql)"
_PASSWORD = "mediakiln"  # noqa: S105 - for a server on loopback that holds nothing of worth
_GONE_S = 30.0
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}


def up(place: Place) -> dict[str, str]:
    """Start it, on the port it had before if that is free; data are kept between runs."""
    programs = _programs()
    user = "postgres" if os.geteuid() == 0 else None
    data = _folder(place, user) / "data"
    complete = data.with_name("complete")
    if not complete.exists():
        _initialise(programs, data, user)
    kept = place.file("port")
    before = int(kept.read_text()) if kept.exists() else None
    port = free_port() if before is None or listening(before) else before
    kept.write_text(str(port))
    _until_gone(data)
    given = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    argv = ["env", "-C", data, programs / "postgres", "-D", data, "-p", str(port), *given]
    ready = [programs / "pg_isready", "-q", "-h", HOST, "-p", str(port)]
    start(
        place,
        "postgres",
        argv,
        ready=lambda: subprocess.run(ready, check=False).returncode == 0,
        user=user,
    )
    if not complete.exists():
        _make_database(programs, port)
        complete.touch()
    at = f"{HOST}:{port}/mediakiln"
    return {
        "MEDIAKILN_CATALOG": f"postgresql://mediakiln:{_PASSWORD}@{at}",
        "MEDIAKILN_TEST_POSTGRES": f"postgresql://postgres:{_PASSWORD}@{at}",
    }


def wipe(place: Place) -> None:
    """Remove what is kept outside the server's own folder."""
    remembered = place.file("elsewhere")
    if remembered.exists():
        shutil.rmtree(remembered.read_text(), ignore_errors=True)


def _programs() -> Path:
    """The folder of the server's programs: Debian keeps them off the path."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0,
    )
    if configure := shutil.which("pg_config"):
        told = subprocess.run([configure, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(told.stdout.strip()))
    if server := shutil.which("postgres"):
        folders.append(Path(server).parent)
    for folder in reversed(folders):
        if all((folder / name).exists() for name in ("postgres", "initdb", "pg_isready", "psql")):
            return folder
    raise Failed(f"PostgreSQL's server was not found: {_REMEDY}")


def _until_gone(data: Path) -> None:
    """Wait for a server that was killed: as long as its id is not free, no other starts here."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    deadline = time.monotonic() + _GONE_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def _folder(place: Place, user: str | None) -> Path:
    """A folder that the server's user may use; root's own folders often let nobody through."""
    place.folder.mkdir(parents=True, exist_ok=True)
    if user is None:
        return place.folder
    try:
        owner = pwd.getpwnam(user)
    except KeyError:
        raise Failed(f"the server does not run as root, and there is no user {user}") from None
    remembered = place.file("elsewhere")
    folder = Path(remembered.read_text()) if remembered.exists() else place.folder / "server"
    if not folder.exists():
        folder = place.folder / "server"
        folder.mkdir()
    if subprocess.run(["test", "-x", folder], user=user, check=False).returncode:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="mediakiln-postgres-"))
        remembered.write_text(str(folder))
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def _initialise(programs: Path, data: Path, user: str | None) -> None:
    # Half of a data folder, from a start that was cut short, is of no use.
    shutil.rmtree(data, ignore_errors=True)
    secret = data.with_name("password")
    secret.write_text(_PASSWORD)
    secret.chmod(0o644)
    argv = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256"]
    argv += [f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = subprocess.run(
        argv, cwd=data.parent, user=user, capture_output=True, text=True, check=False
    )
    secret.unlink()
    if done.returncode:
        raise Failed(f"initdb failed:\n{done.stderr}")


def _make_database(programs: Path, port: int) -> None:
    ask = [programs / "psql", "-qX", "-h", HOST, "-p", str(port), "-U", "postgres"]
    for statement in (
        f"CREATE ROLE mediakiln LOGIN PASSWORD '{_PASSWORD}'",
        "CREATE DATABASE mediakiln OWNER mediakiln",
    ):
        argv = [*ask, "-v", "ON_ERROR_STOP=1", "-c", statement]
        subprocess.run(argv, env=os.environ | {"PGPASSWORD": _PASSWORD}, check=True)
