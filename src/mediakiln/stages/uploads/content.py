"""The bytes of a part on their way in, held against what was said of them."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from mediakiln.model.errors import InvalidPart


@dataclass(frozen=True, slots=True)
class Content:
    """A part on its way in.

    Attributes:
        chunks: its bytes.
        size: how many are announced, if that is known.
        digests: what they must hash to, by the names of `hashlib`.
    """

    chunks: AsyncIterator[bytes]
    size: int | None = None
    digests: Mapping[str, bytes] = field(default_factory=dict)

    async def checked(self, number: int, size: int) -> AsyncIterator[bytes]:
        """The chunks of part `number`. Ends only if they are `size` bytes of these digests.

        Raises:
            InvalidPart: they are not.
        """
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in self.digests}
        received = 0
        async for chunk in self.chunks:
            received += len(chunk)
            if received > size:
                raise wrong_size(number, received, size)
            for each in sums.values():
                each.update(chunk)
            yield chunk
        if received != size:
            raise wrong_size(number, received, size)
        for name, expected in self.digests.items():
            if sums[name].digest() != expected:
                raise InvalidPart(
                    f"the bytes of part {number} have another {name}",
                    part=number,
                    field=name,
                    value=sums[name].hexdigest(),
                )


def wrong_size(number: int, came: int, size: int) -> InvalidPart:
    """The refusal of a part that does not fill its place."""
    return InvalidPart(
        f"part {number} has {size} bytes, not {came}", part=number, limit=size, value=came
    )
