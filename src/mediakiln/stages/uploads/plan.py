"""How a file of a known size is cut into parts, by arithmetic."""

from dataclasses import dataclass
from typing import Final

from mediakiln.model.errors import EmptyFile, InvalidPart, InvalidRequest, TooLarge
from mediakiln.ports.multipart import PartRules

MIB: Final = 1024 * 1024
PART_BYTES: Final = 8 * MIB
"""Of a part, unless the file is so large that there would be too many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts 1 to `count`, each of `part_size` bytes but the last."""

    size: int
    part_size: int

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size // self.part_size)

    def place(self, number: int) -> tuple[int, int]:
        """Where a part begins in the file, and its bytes.

        Raises:
            InvalidPart: there is no part of that number.
        """
        if not 1 <= number <= self.count:
            raise InvalidPart(
                f"there is no part {number}: the parts are 1 to {self.count}",
                part=number,
                limit=self.count,
                value=number,
            )
        offset = (number - 1) * self.part_size
        return offset, min(self.part_size, self.size - offset)


def planned(size: int, rules: PartRules, *, max_bytes: int, asked: int | None = None) -> Plan:
    """The cut of a file: `asked` bytes a part, or 8 MiB, doubled while that makes too many.

    Raises:
        EmptyFile, TooLarge: there is no such file.
        InvalidRequest: parts of `asked` bytes are not what the store takes.
    """
    if size < 1:
        raise EmptyFile
    limit = min(max_bytes, rules.max_object_bytes)
    if size > limit:
        raise TooLarge(
            f"the file is larger than {limit} bytes",
            limit=limit,
            value=size,
            hint="raise MEDIAKILN_MAX_FILE_BYTES" if limit == max_bytes else None,
        )
    part_size = asked if asked is not None else _default(size, rules)
    least = max(rules.min_bytes, -(-size // rules.max_parts))
    if part_size > rules.max_bytes or part_size < min(least, size):
        raise InvalidRequest(
            f"parts of this file are {least} to {rules.max_bytes} bytes large",
            field="part_size",
            limit=rules.max_bytes,
            value=part_size,
            hint=f"at most {rules.max_parts} parts make a file; leave part_size out",
        )
    return Plan(size, part_size)


def _default(size: int, rules: PartRules) -> int:
    part_size = max(PART_BYTES, rules.min_bytes)
    while -(-size // part_size) > rules.max_parts and part_size < rules.max_bytes:
        part_size *= 2
    return min(part_size, rules.max_bytes)
