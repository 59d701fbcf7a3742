"""`mediakiln demo`, which is what `make run` runs: with a terminal and without."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support.platform import PATIENCE, STOP_S, Platform

pytestmark = pytest.mark.xdist_group("demo")

DONE_S = 30 * PATIENCE
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
SAMPLES = {
    "kiln.jpg": "image",
    "letter.pdf": "document",
    "vase.glb": "model3d",
    "clip.mp4": "video",
    "chord.wav": "audio",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Platform]:
    """A folder for the demonstration, not started yet."""
    made = Platform(tmp_path / "it's a $HOME", {"PORT": "0"}, auth=True)
    made.folder.mkdir()
    yield made
    made.end()


def table_of(text: str) -> dict[str, str]:
    """File and kind in each row of the last table."""
    last = text[text.rindex("turnaround") :]
    rows = r"^ *(\w+\.\w{3}) .*?(image|document|model3d|video|audio) "
    return dict(re.findall(rows, last, re.MULTILINE))


def line(text: str, label: str) -> str:
    """What stands behind a label at the start of a line."""
    found = re.search(rf"^{label} +(\S.*?)\r?$", text, re.MULTILINE)
    assert found, text
    return found[1]


def test_without_a_terminal_it_ends_by_itself_with_a_table_of_every_kind(site: Platform) -> None:
    answer = site.command("demo", timeout=DONE_S)
    assert answer.returncode == 0, answer.stderr
    assert table_of(answer.stdout) == SAMPLES
    assert "running" not in answer.stdout
    assert "pending" not in answer.stdout
    assert site.survivors() == []


def test_with_a_terminal_it_serves_until_ctrl_c_and_its_three_lines_work(site: Platform) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        site.command_line("demo"),
        env=site.environment | {"TERM": "xterm", "COLUMNS": "100"},
        cwd=site.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    site.started.append(process)
    os.close(theirs)
    text = _read_until(ours, "Serving until Ctrl-C.")
    assert re.search(r"web: (pending|running)", text), "no live steps"
    assert table_of(text) == SAMPLES
    page = httpx2.get(line(text, "Page"), follow_redirects=True)
    assert page.status_code == 200
    assert "kiln.jpg" in page.text
    for label, says in (("curl", '"state":"received"'), ("Python", "/original")):
        pasted = subprocess.run(
            ["sh", "-c", line(text, label)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert pasted.returncode == 0, pasted.stderr
        assert says in pasted.stdout
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_S) == 0
    os.close(ours)
    assert site.survivors() == []


def _read_until(terminal: int, words: str) -> str:
    deadline, seen = time.monotonic() + DONE_S, b""
    while words.encode() not in seen and time.monotonic() < deadline:
        seen += os.read(terminal, 65536)
    return ESCAPES.sub(b"", seen).decode()
