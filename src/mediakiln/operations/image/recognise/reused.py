"""Memory that a recogniser frees and takes again, kept by its process meanwhile."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of glibc's mallopt(3)."""
_NEVER: Final = 2**31 - 1
_MAPPED: Final = 65_536
_LARGEST: Final = 32 * 1024 * 1024
"""Where glibc's own threshold ends up once pieces so large were freed; the other is twice that."""


@contextmanager
def memory() -> Iterator[None]:
    """Give nothing that is freed back to the kernel until the end, and all of it then.

    Each layer of a network takes and frees tens of megabytes. glibc maps pieces so large by
    themselves, and every page of every layer is then asked of the kernel anew, which clears it.
    Other C libraries go on as they always do.
    """
    choose = getattr(ctypes.CDLL(None), "mallopt", None)
    if choose is None:
        yield
        return
    choose(_MMAP_MAX, 0)
    choose(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        choose(_MMAP_MAX, _MAPPED)
        choose(_MMAP_THRESHOLD, _LARGEST)
        choose(_TRIM_THRESHOLD, 2 * _LARGEST)
        give_back()


def give_back() -> None:
    """Give what is free now back to the kernel; with other C libraries than glibc nothing is."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
