"""The lowest and highest sample of each stretch of a sound, in bounded memory.

The length of a stream is known only at its end, so peaks are kept at a block size that
doubles whenever there would be too many blocks: neighbours are merged, no peak is lost.
"""

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.int16]

_BLOCKS_PER_POINT = 16
_CHUNK_SAMPLES = 1 << 16


class Peaks:
    """Peaks of 16-bit samples of `channels` channels, to be drawn as at most `points` points."""

    def __init__(self, channels: int, points: int) -> None:
        self.channels = channels
        self.points = points
        self.block = 1
        """Samples (per channel) in one block."""
        self.samples = 0
        """Samples (per channel) seen."""
        self._low: list[Samples] = []
        self._high: list[Samples] = []
        self._blocks = 0
        self._begun: tuple[Samples, Samples] | None = None
        """Extremes of the block that is not full yet."""
        self._begun_samples = 0

    def add(self, samples: "Samples") -> None:
        """Take in samples of shape (n, channels)."""
        self.samples += len(samples)
        if self._begun_samples:
            head = samples[: self.block - self._begun_samples]
            samples = samples[len(head) :]
            self._begin(head, head, len(head))
            if self._begun_samples == self.block:
                self._finish()
        count = len(samples) // self.block
        if count:
            blocks = samples[: count * self.block].reshape(count, self.block, self.channels)
            self._keep(blocks.min(axis=1), blocks.max(axis=1))
        if tail := len(samples) - count * self.block:
            self._begin(samples[-tail:], samples[-tail:], tail)
        while self._blocks > self.points * _BLOCKS_PER_POINT:
            self._merge()

    def reduce(self) -> "tuple[Samples, Samples, int]":
        """(lowest, highest) of shape (length, channels), and how many samples each point spans.

        Length is at most `points`, and 0 where there was no sound at all.
        """
        import numpy as np

        if self._begun_samples:
            self._finish()
        if not self._blocks:
            nothing = np.empty((0, self.channels), np.int16)
            return nothing, nothing, 1
        low, high = np.concatenate(self._low), np.concatenate(self._high)
        group = -(-len(low) // self.points)
        starts = np.arange(0, len(low), group)
        return (
            np.minimum.reduceat(low, starts),
            np.maximum.reduceat(high, starts),
            group * self.block,
        )

    def _keep(self, low: "Samples", high: "Samples") -> None:
        self._low.append(low)
        self._high.append(high)
        self._blocks += len(low)

    def _begin(self, low: "Samples", high: "Samples", samples: int) -> None:
        """Take samples with these extremes into the block that is not full yet."""
        import numpy as np

        if self._begun is not None:
            low = np.concatenate([low, self._begun[0]])
            high = np.concatenate([high, self._begun[1]])
        self._begun = low.min(axis=0, keepdims=True), high.max(axis=0, keepdims=True)
        self._begun_samples += samples

    def _finish(self) -> None:
        assert self._begun is not None  # noqa: S101 - callers saw samples in it
        self._keep(*self._begun)
        self._begun, self._begun_samples = None, 0

    def _merge(self) -> None:
        """Double the block size; an odd block out goes back to the block that is not full."""
        import numpy as np

        low, high = np.concatenate(self._low), np.concatenate(self._high)
        even = len(low) // 2 * 2
        if even < len(low):
            self._begin(low[even:], high[even:], self.block)
        self._low = [low[:even].reshape(-1, 2, self.channels).min(axis=1)]
        self._high = [high[:even].reshape(-1, 2, self.channels).max(axis=1)]
        self._blocks = even // 2
        self.block *= 2


def measure(pcm: IO[bytes], channels: int, points: int) -> Peaks:
    """Read signed 16-bit little-endian interleaved samples to their end."""
    import numpy as np

    peaks = Peaks(channels, points)
    frame = 2 * channels
    # A buffered reader gives short reads only at the end, so frames are never split.
    while data := pcm.read(_CHUNK_SAMPLES * frame):
        whole = len(data) // frame * frame
        peaks.add(np.frombuffer(data[:whole], "<i2").reshape(-1, channels))
    return peaks
