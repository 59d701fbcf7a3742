"""Which protections really hold here, found out by a child that tries to break them."""

import json
import os
import socket
import tempfile
from pathlib import Path

from mediakiln.sandbox import confine
from mediakiln.sandbox.kernel import namespaces

_FORBIDDEN = "/etc/passwd"


def protections(*, network: str | None, flags: int) -> dict[str, str]:
    """Each protection and `active`, or why it is not.

    `network` says why the zygote's own network is not empty, if so; `flags` are the namespaces
    that children get.
    """
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory(prefix="mediakiln-probe-") as scratch:
        pid, pidfd = namespaces.fork(flags)
        if pid == 0:
            _try(writer, Path(scratch))
        os.close(pidfd)
        os.close(writer)
        with os.fdopen(reader, "rb") as answers:
            found = json.loads(answers.read() or b"{}")
        os.waitpid(pid, 0)
    if "landlock" not in found:
        found["landlock"] = f"the trial child failed: {found.pop('error', 'it died')}"
    found["network namespace"] = network or "active"
    found["process namespace"] = (
        "active" if flags else "new process namespaces are not allowed here; groups are killed"
    )
    return dict(found)


def _try(writer: int, scratch: Path) -> None:
    """Confine this process, try what must fail, write the findings, and exit."""
    try:
        rules = confine.rules_for(confine.system_rules(), scratch, ())
        found = confine.confine(rules, scratch)
        if found["landlock"].startswith("active") and _reads(_FORBIDDEN):
            found["landlock"] = f"it does not hold: {_FORBIDDEN} could be read"
        if found["seccomp"] == "active" and _opens_sockets():
            found["seccomp"] = "it does not hold: a socket could be opened"
        os.write(writer, json.dumps(found).encode())
    except Exception as error:  # noqa: BLE001 - a trial reports whatever goes wrong
        os.write(writer, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
    finally:
        os._exit(0)


def _reads(path: str) -> bool:
    try:
        Path(path).read_bytes()
    except OSError:
        return False
    return True


def _opens_sockets() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True
