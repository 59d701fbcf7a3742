"""Hostile files through image operations in the real sandbox, and what may come of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.model.errors import MediakilnError
from mediakiln.model.kind import Kind
from mediakiln.ports.operation import Context, OperationSet
from mediakiln.ports.runner import Limits, Made, Report, Task, TaskDone, TaskStarted, Work
from mediakiln.sandbox.runner import ForkRunner

PARAMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "image.adjust": {"blur": 2},
    "image.compose": {"mask": "01890a5d-ac96-774b-bcce-b302099a8057"},
    "image.convert": {"format": "webp"},
    "image.crop": {"width": "50%", "height": "50%"},
    "image.pad": {"width": 80, "height": 80},
    "image.redact": {"what": ["codes", "faces", "text"]},
    "image.resize": {"width": 64},
    "image.rotate": {"angle": 30},
    "image.transform": {
        "steps": [{"op": "image.resize", "width": 64}, {"op": "image.adjust", "grayscale": True}]
    },
    "image.watermark": {"text": "words"},
}
"""Parameters with which every operation has something to do."""
LOOKING: Final = ("image.ocr", "image.faces", "image.codes", "image.redact")
"""They look at what an image shows, with models that take long to load."""
UNSET: Final = frozenset({"image.labels"})
"""It needs a model of the operator's."""

REFUSED: Final = frozenset(
    {
        "bad_media",
        "empty_file",
        "limit_exceeded",
        "memory_limit",
        "model_unavailable",
        "outside_image",
        "too_many_pixels",
        "unsupported_media_type",
    }
)
"""How a file may be refused."""
ENDED: Final = frozenset({"memory_limit", "step_timeout", "scratch_limit"})
"""How the sandbox may end a step that costs too much."""
_DECODED: Final = 20_000_000
"""Pixels up to which a product is decoded to see whether it is sound."""
_MEASURED: Final = frozenset({"limit_exceeded", "too_many_pixels"})


@dataclass(frozen=True)
class Outcome:
    """What became of one operation on one file."""

    seconds: float
    error: MediakilnError | None
    ended: bool
    """By the sandbox."""
    made: Sequence[Made] = ()


def every_operation() -> list[str]:
    """The installed operations on images that need nothing set up."""
    installed = [item.name for item in OperationSet.installed() if item.kind is Kind.IMAGE]
    return [name for name in installed if name not in UNSET]


async def run(
    runner: ForkRunner,
    file: Path,
    scratch: Path,
    operations: Sequence[str],
    limits: Limits,
    context: Context | None = None,
) -> dict[str, Outcome]:
    """Put one file through operations, each in the same child until one ends it."""
    outcomes: dict[str, Outcome] = {}
    while waiting := [name for name in operations if name not in outcomes]:
        folder = scratch / str(len(outcomes))
        tasks = [_task(name, file, folder / name, limits, context) for name in waiting]
        async for report in runner.run(Work("project", folder, tasks, [file])):
            if not isinstance(report, TaskStarted):
                outcomes[report.name] = _outcome(report)
    return outcomes


def _task(name: str, file: Path, out: Path, limits: Limits, context: Context | None) -> Task:
    out.mkdir(parents=True)
    params = dict(PARAMS.get(name, {}))
    inputs = {str(params["mask"]): file} if "mask" in params else {}
    known = context or Context("image/x", name=file.name)
    made = Context(
        known.media_type,
        known.name,
        max_pixels=known.max_pixels,
        max_frames=known.max_frames,
        inputs=inputs,
    )
    if name in LOOKING:
        limits = replace(limits, wall_s=3 * limits.wall_s, memory_mb=3 * limits.memory_mb)
    return Task(name, name, params, out, made, limits, file)


def _outcome(report: Report) -> Outcome:
    assert not isinstance(report, TaskStarted)
    if isinstance(report, TaskDone):
        return Outcome(report.seconds, None, ended=False, made=report.made)
    return Outcome(report.seconds, report.error, ended=type(report).__name__ == "TaskKilled")


def wrong(outcome: Outcome, folder: Path, *, costly: bool) -> str | None:
    """What is not right about an outcome; None when all is well."""
    error = outcome.error
    if error is None:
        return next((said for made in outcome.made if (said := _unsound(made))), None)
    if outcome.ended:
        return None if costly and error.code in ENDED else f"ended: {error.code}: {error}"
    if error.code not in REFUSED:
        return f"{error.code}: {error}"
    if error.code in _MEASURED and not {"limit"} <= set(error.context):
        return f"names no limit: {error}"
    if str(folder) in error.message or not error.message:
        return f"tells where files are kept: {error}"
    return None


def _unsound(made: Made) -> str | None:
    if made.product.media_type == "application/json":
        json.loads(made.path.read_bytes())
        return None
    if not made.product.media_type.startswith("image/"):
        return None
    data = made.path.read_bytes()
    image = pyvips.Image.new_from_buffer(data, "")
    if image.width * image.height < _DECODED:
        image.avg()
    return "carries a program" if b"<script" in data or b"<?php" in data else None
