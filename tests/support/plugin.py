"""Somebody else's operations: a distribution of its own, as `pip install --target` leaves it."""

from pathlib import Path

_MODULE = '''"""Operations that misbehave on command."""

import ctypes
import time
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from mediakiln.model.product import Product
from mediakiln.ports.operation import OperationCapabilities, Params, operation

_ANY = {"accepts": ["*"], "produces": ["text/plain"]}
_SHORT = OperationCapabilities(wall_s=1.5, memory_mb=256)


class Nothing(Params):
    """No parameters."""


class Word(Params):
    """One word."""

    word: str = Field(default="fine", description="What to write.")


@operation("mischief.write", None, **_ANY)
def write(source: Path, params: Word, out: Path) -> Iterable[Product]:
    """Write a word."""
    (out / "word.txt").write_text(params.word)
    yield Product(file="word.txt", media_type="text/plain")


@operation("mischief.write_late", None, **_ANY)
def write_late(source: Path, params: Word, out: Path) -> Iterable[Product]:
    """Write a megabyte of a word, after a while."""
    time.sleep(3)
    (out / "words.txt").write_text(params.word * (2**20 // len(params.word)))
    yield Product(file="words.txt", media_type="text/plain")


@operation("mischief.hang", None, **_ANY, capabilities=_SHORT)
def hang(source: Path, params: Nothing, out: Path) -> Iterable[Product]:
    """Never end."""
    while True:
        time.sleep(60)


@operation("mischief.segfault", None, **_ANY, capabilities=_SHORT)
def segfault(source: Path, params: Nothing, out: Path) -> Iterable[Product]:
    """Read address 0."""
    ctypes.string_at(0)
    return []


@operation("mischief.eat_memory", None, **_ANY, capabilities=_SHORT)
def eat_memory(source: Path, params: Nothing, out: Path) -> Iterable[Product]:
    """Fill memory and hold it."""
    held = [b"x" * 2**20 for _ in range(400)]
    time.sleep(60)
    del held
    return []


@operation("mischief.raise", None, **_ANY)
def raise_(source: Path, params: Nothing, out: Path) -> Iterable[Product]:
    """Raise what nobody foresaw."""
    raise ZeroDivisionError("nobody foresaw this")
'''

_ENTRIES = """[mediakiln.operations]
mischief.write = kiln_mischief:write
mischief.write_late = kiln_mischief:write_late
mischief.hang = kiln_mischief:hang
mischief.segfault = kiln_mischief:segfault
mischief.eat_memory = kiln_mischief:eat_memory
mischief.raise = kiln_mischief:raise_
"""


def install(folder: Path) -> Path:
    """Put the distribution into a folder, which then belongs on the module path."""
    info = folder / "kiln_mischief-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "kiln_mischief.py").write_text(_MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kiln-mischief\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRIES)
    return folder
