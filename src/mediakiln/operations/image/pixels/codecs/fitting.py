"""Encode so that a file meets a byte budget, a score, or both; and say what was done."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
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
_CONFIRMATIONS = 3
_LEVELS_PER_POINT = 1.5
_MOST = {"jpeg": 96, "webp": 98, "avif": 92, "jxl": 98, "png": 4}
"""Levels above cost much and show nothing."""


@dataclass(frozen=True, slots=True)
class Maker:
    """How a picture becomes a file, and how much a file's picture looks like it."""

    encode: Callable[[settings.Settings], bytes]
    score: Callable[[bytes], float] | None = None
    """None for animations, whose encoders join frames: their sample's score stands for them."""


@dataclass(slots=True)
class Trials:
    """What was encoded so far, by level."""

    rungs: list[settings.Settings]
    maker: Maker
    files: dict[int, bytes] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)

    def size(self, level: int) -> int:
        """The bytes of a level's file."""
        if level not in self.files:
            self.files[level] = self.maker.encode(self.rungs[level])
        return len(self.files[level])

    def scored(self, level: int) -> float:
        """The score of a level's file."""
        if level not in self.scores and self.maker.score is not None:
            self.size(level)
            self.scores[level] = self.maker.score(self.files[level])
        return self.scores[level]


def searches(encoding: "Encoding", top: settings.Settings) -> bool:
    """Whether the parameters leave the quality to be found."""
    if top.output == "tiff" and top.quality is None:
        return False
    return encoding.max_bytes is not None or (encoding.quality == "auto" and top.output != "gif")


def fitted(
    encoding: "Encoding", top: settings.Settings, whole: Maker, sample: Maker | None
) -> tuple[bytes, dict[str, Any]]:
    """The file, and what its metadata say of how it was found.

    A score's quality is searched on a `sample` of the picture, where there is one, and confirmed
    on the `whole`.

    Raises:
        LimitExceeded: not even the smallest file is within the byte budget.
    """
    auto = encoding.quality == "auto" and top.output != "gif"
    rungs = settings.ladder(top, to_best=auto)
    trials = Trials(rungs, whole)
    samples = Trials(rungs, sample) if sample else trials
    facts: dict[str, Any] = {}
    level = len(rungs) - 1
    if auto:
        target = encoding.target or DEFAULT_TARGET
        facts |= {"metric": "ssimulacra2", "target": target}
        level = _sampled(samples, top, target)
        level = _confirmed(trials, level, top, target) if whole.score else level
    if encoding.max_bytes is not None:
        level = _budgeted(trials, encoding, encoding.max_bytes, level, facts)
    if auto:
        facts["score"] = round((trials if whole.score else samples).scored(level), 2)
        facts["target_met"] = facts["score"] >= facts["target"]
    chosen = rungs[level]
    trials.size(level)
    named = {"quality": chosen.quality, "colours": chosen.colours}
    facts |= {name: value for name, value in named.items() if value is not None}
    facts["encodings"] = len(trials.files) + (len(samples.files) if sample else 0)
    return trials.files[level], facts


def _sampled(samples: Trials, top: settings.Settings, target: float) -> int:
    """The level that reaches the target on the sample; the highest that is tried without one."""
    shift = _shift(top)
    highest = _highest(samples, top)
    lowest = min(max(_LEAST[top.output] - shift, 0), highest)
    start = _START[top.output] - shift
    return search.reaching(samples.scored, lowest, highest, target, start).level


def _confirmed(trials: Trials, level: int, top: settings.Settings, target: float) -> int:
    """The level, or one a little higher where the whole picture needs it."""
    highest = _highest(trials, top)
    for _ in range(_CONFIRMATIONS):
        missing = target - trials.scored(level)
        if missing <= 0 or level == highest:
            break
        level = min(level + math.ceil(missing * _LEVELS_PER_POINT), highest)
    return level


def _highest(trials: Trials, top: settings.Settings) -> int:
    return min(_MOST[top.output] - _shift(top), len(trials.rungs) - 1)


def _shift(top: settings.Settings) -> int:
    """Rungs of quality are numbered from 1, those of palettes from 0."""
    return 0 if top.output == "png" else 1


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
