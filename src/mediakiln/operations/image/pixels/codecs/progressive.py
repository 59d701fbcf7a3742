"""What a progressive JPEG costs, bounded before it is decoded."""

import mmap
from pathlib import Path
from typing import Final

from mediakiln.model.errors import LimitExceeded

MAX_SCANS: Final = 200
"""Encoders write about ten; each costs a pass over all coefficients."""
MAX_COEFFICIENT_BYTES: Final = 1 << 30
"""Its decoder keeps every coefficient in memory until the last scan: 2 bytes each."""


def check(path: Path, samples: int) -> None:
    """Bound memory, by the samples of all channels, and passes.

    Inside entropy-coded data every FF is followed by 00 or a restart marker, so FF DA is a
    scan's start, or a byte pair in a metadata segment, which is rare enough for a bound.

    Raises:
        LimitExceeded: it needs too much.
    """
    needed = 2 * samples
    if needed > MAX_COEFFICIENT_BYTES:
        raise LimitExceeded(
            f"decoding this progressive JPEG needs {needed >> 20} MiB of memory",
            limit=MAX_COEFFICIENT_BYTES,
            value=needed,
            hint="save it as a baseline JPEG",
        )
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scans, at = 0, data.find(b"\xff\xda")
        while at >= 0 and scans <= MAX_SCANS:
            scans, at = scans + 1, data.find(b"\xff\xda", at + 2)
    if scans > MAX_SCANS:
        raise LimitExceeded(
            f"the JPEG has more than {MAX_SCANS} scans", limit=MAX_SCANS, value=scans
        )
