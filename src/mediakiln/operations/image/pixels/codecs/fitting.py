"""Encode so that a file meets a byte budget, a score, or both; and say what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediakiln.model.errors import LimitExceeded
from mediakiln.operations.image.pixels.codecs import search, settings
from mediakiln.operations.image.pixels.encoding import DEFAULT_TARGET

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.encoding import Encoding

_START = {"jpeg": 78, "webp": 78, "avif": 58, "jxl": 78, "png": 4}
"""Levels that photographs need for the usual target, about."""
_LEAST = {"jpeg": 20, "webp": 20, "avif": 20, "jxl": 20, "png": 0}
"""Levels below are never tried for a score: they save little and may fall apart in places."""
_MOST = {"jpeg": 96, "webp": 98, "avif": 92, "jxl": 98, "png": 4}
"""Levels above cost much and show nothing."""


@dataclass(slots=True)
class Trials:
    """What was encoded so far, by level."""

    rungs: list[settings.Settings]
    encode: Callable[[settings.Settings], bytes]
    """The whole file for settings."""
    score: Callable[[bytes], float]
    """How much a file's picture looks like the unencoded one."""
    files: dict[int, bytes]
    scores: dict[int, float]

    def size(self, level: int) -> int:
        """The bytes of a level's file."""
        if level not in self.files:
            self.files[level] = self.encode(self.rungs[level])
        return len(self.files[level])

    def scored(self, level: int) -> float:
        """The score of a level's file."""
        if level not in self.scores:
            self.size(level)
            self.scores[level] = self.score(self.files[level])
        return self.scores[level]


def searches(encoding: "Encoding", top: settings.Settings) -> bool:
    """Whether the parameters leave the quality to be found."""
    if top.output == "tiff" and top.quality is None:
        return False
    return encoding.max_bytes is not None or (encoding.quality == "auto" and top.output != "gif")


def fitted(
    encoding: "Encoding",
    top: settings.Settings,
    encode: Callable[[settings.Settings], bytes],
    score: Callable[[bytes], float],
) -> tuple[bytes, dict[str, Any]]:
    """The file, and what its metadata say of how it was found.

    Raises:
        LimitExceeded: not even the smallest file is within the byte budget.
    """
    auto = encoding.quality == "auto" and top.output != "gif"
    trials = Trials(settings.ladder(top, to_best=auto), encode, score, {}, {})
    facts: dict[str, Any] = {}
    level = len(trials.rungs) - 1
    if auto:
        level = _scored(trials, encoding, top, facts)
    if encoding.max_bytes is not None:
        level = _budgeted(trials, encoding, encoding.max_bytes, level, facts)
    if auto:
        facts["score"] = round(trials.scored(level), 2)
        facts["target_met"] = facts["score"] >= facts["target"]
    chosen = trials.rungs[level]
    named = {"quality": chosen.quality, "colours": chosen.colours}
    facts |= {name: value for name, value in named.items() if value is not None}
    facts["encodings"] = len(trials.files)
    return trials.files[level], facts


def _scored(
    trials: Trials, encoding: "Encoding", top: settings.Settings, facts: dict[str, Any]
) -> int:
    """The level that reaches the target; the highest that is tried where none does."""
    target = encoding.target or DEFAULT_TARGET
    # Rungs of quality are numbered from 1, those of palettes from 0.
    shift = 0 if top.output == "png" else 1
    highest = min(_MOST[top.output] - shift, len(trials.rungs) - 1)
    lowest = min(_LEAST[top.output] - min(shift, _LEAST[top.output]), highest)
    found = search.reaching(trials.scored, lowest, highest, target, _START[top.output] - shift)
    facts |= {"metric": "ssimulacra2", "target": target}
    trials.size(found.level)
    return found.level


def _budgeted(
    trials: Trials, encoding: "Encoding", budget: int, highest: int, facts: dict[str, Any]
) -> int:
    few = highest < search.MOST_ENCODINGS
    find = search.descending if few else search.within
    found = find(trials.size, 0, highest, budget)
    size = trials.size(found.level)
    if not found.met and encoding.max_bytes_strict:
        raise LimitExceeded(
            f"the smallest file of this picture has {size} bytes; {budget} are allowed",
            limit=budget,
            value=size,
            hint="ask for fewer pixels or another format, or set max_bytes_strict to false",
        )
    facts |= {"max_bytes": budget, "budget_met": found.met}
    return found.level
