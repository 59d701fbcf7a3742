"""What FFmpeg says becomes the error that it means."""

import signal

import pytest

from mediakiln.model.errors import (
    BadMedia,
    LimitExceeded,
    MediakilnError,
    MemoryExceeded,
    OperationFailed,
    StorageFull,
    TooManyPixels,
)
from mediakiln.operations.av.complaints import explain


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("[h264 @ 0x5f] Picture size 1x1 exceeds specified max pixel count 100", TooManyPixels),
        ("[in#0 @ 0x1] Error opening input: Cannot allocate memory", LimitExceeded),
        ("av_interleaved_write_frame(): No space left on device", StorageFull),
        ("Unknown encoder 'libnothing'", OperationFailed),
        ("[mov @ 0x1] moov atom not found", BadMedia),
        ("Something new", BadMedia),
    ],
)
def test_each_complaint_has_its_error(line: str, error: type[MediakilnError]) -> None:
    assert type(explain(1, ["[x @ 0x1] before", line, "Conversion failed!"])) is error


def test_the_limit_is_named() -> None:
    error = explain(1, ["Picture size 1x1 exceeds specified max pixel count 100"])
    assert error.context["limit"] == 100


def test_the_telling_line_is_kept_and_paths_are_not() -> None:
    said = ["[in#0 @ 0x5a] Error opening input file file:/srv/scratch/a b/x.mp4.", "Bad atom"]
    error = explain(1, [*said, "Conversion failed!"])
    assert error.message.endswith("Bad atom")
    assert "/srv" not in str(error.context)


def test_a_crash_is_the_fault_of_the_file_and_a_kill_is_not() -> None:
    assert type(explain(-signal.SIGSEGV, [])) is BadMedia
    assert type(explain(-signal.SIGKILL, [])) is MemoryExceeded


def test_silence_is_explained_too() -> None:
    assert "nothing" in explain(1, []).message
