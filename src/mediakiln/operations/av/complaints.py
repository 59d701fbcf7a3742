"""What FFmpeg's exit and its last words mean, as errors of ours."""

import re
import signal
from collections.abc import Iterable
from typing import NamedTuple

from mediakiln.model.errors import (
    BadMedia,
    LimitExceeded,
    MediakilnError,
    MemoryExceeded,
    OperationFailed,
    StorageFull,
    TooManyPixels,
)

_KEPT = 8


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    error: type[MediakilnError]
    message: str


_RULES = (
    _Rule(
        re.compile(r"exceeds specified max pixel count (?P<limit>\d+)"),
        TooManyPixels,
        "its frames have more pixels than are allowed",
    ),
    _Rule(
        re.compile(r"number of streams exceeds max_streams parameter \((?P<limit>\d+)\)"),
        LimitExceeded,
        "it has more streams than are allowed",
    ),
    _Rule(
        re.compile(r"Cannot allocate memory"),
        LimitExceeded,
        "it needs more memory at once than is allowed",
    ),
    _Rule(re.compile(r"No space left on device|File too large"), StorageFull, ""),
    _Rule(
        re.compile(
            r"Unknown encoder|Unrecognized option|Option \S+ not found|No such filter"
            r"|Error (?:applying option|initializing the muxer)|Unable to choose an output format"
        ),
        OperationFailed,
        "",
    ),
    _Rule(
        re.compile(r"moov atom not found"),
        BadMedia,
        "it has no index (moov box): the file was cut short",
    ),
    _Rule(
        re.compile(r"Nothing was written into output file|Output file is empty"),
        BadMedia,
        "nothing of it could be decoded",
    ),
    _Rule(
        re.compile(r"does not contain any stream|matches no streams"),
        BadMedia,
        "it holds no stream of the kind that is needed",
    ),
)


_EMPTY_WORDS = re.compile(
    r"Conversion failed|Terminating thread|Task finished|Error opening input files?\b(?!:)|frame="
    r"|Error opening input files: |Nothing was written|Could not open encoder before EOF"
)
"""Lines that say that it failed, not why."""


def explain(code: int, said: Iterable[str]) -> MediakilnError:
    """The error behind FFmpeg's exit code and what it said."""
    lines = [_plain(line) for line in said if line.strip()]
    if code == -signal.SIGKILL:
        return MemoryExceeded("FFmpeg was killed, most likely for its memory")
    if code < 0:
        return BadMedia(f"FFmpeg crashed on this file (signal {-code})", detail=lines[-_KEPT:])
    for rule in _RULES:
        for line in lines:
            if found := rule.pattern.search(line):
                return rule.error(
                    rule.message or line,
                    **{key: int(value) for key, value in found.groupdict().items()},
                    detail=lines[-_KEPT:],
                )
    telling = [line for line in lines if not _EMPTY_WORDS.match(line)] or lines
    last = telling[-1] if telling else f"FFmpeg ended with {code} and said nothing"
    return BadMedia(f"FFmpeg cannot read it: {last}", detail=lines[-_KEPT:])


def _plain(line: str) -> str:
    """A line without its log prefix and without the paths of this machine."""
    line = re.sub(r"^(?:\[[^]]*@ 0x[0-9a-f]+\]\s*)+", "", line)
    return re.sub(r"(?:file:)?(?:/[^/\s:']+)+/", "", line)
