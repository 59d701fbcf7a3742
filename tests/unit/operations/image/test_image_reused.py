"""Memory that recognisers take again and again comes from the kernel once."""

import ctypes
import resource
from pathlib import Path

import pytest

from mediakiln.operations.image.recognise import reused

LIBRARY = ctypes.CDLL(None)
PIECE = 48 * 1024 * 1024
PAGES = PIECE // resource.getpagesize()

pytestmark = pytest.mark.skipif(
    not hasattr(LIBRARY, "malloc_trim"), reason="only glibc can be told so"
)

LIBRARY.malloc.restype = ctypes.c_void_p
LIBRARY.malloc.argtypes = [ctypes.c_size_t]
LIBRARY.free.argtypes = [ctypes.c_void_p]


def _taken(times: int) -> int:
    """Take, fill and free a piece; how many pages the kernel gave for it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        piece = LIBRARY.malloc(PIECE)
        ctypes.memset(piece, 1, PIECE)
        LIBRARY.free(piece)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_a_piece_that_is_freed_is_taken_again_without_asking_the_kernel() -> None:
    with reused.memory():
        _taken(1)
        assert _taken(4) < PAGES


def _failing() -> None:
    with reused.memory():
        _taken(1)
        raise ZeroDivisionError


def test_everything_is_given_back_at_the_end() -> None:
    before = _resident()
    with reused.memory():
        _taken(1)
    assert _resident() - before < PAGES // 2


def test_an_error_ends_it_too() -> None:
    before = _resident()
    with pytest.raises(ZeroDivisionError):
        _failing()
    assert _resident() - before < PAGES // 2
