"""Hostile files, in the real sandbox: each ends in a stable error or a sound result, in its limits.

The quick tests put what costs little through the operations that open files in different ways;
the slow ones put everything through every operation.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from golden import hostile_runs
from golden.hostile_damage import damaged
from golden.hostile_others import CONTAINERS, DRAWINGS, POLYGLOTS, STRANGERS
from golden.hostile_rasters import RASTERS, Maker
from golden.hostile_runs import LOOKING, REFUSED, Outcome, every_operation, wrong
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Limits
from mediakiln.sandbox.runner import ForkRunner

QUICK = ("image.resize", "image.describe")
COSTLY = frozenset(
    {
        "canvas-of-frames.gif",
        "codes.gif",
        "content.png",
        "content.tif",
        "doubling.svg",
        "elements.svg",
        "filters.svg",
        "pages.tif",
        "path.svg",
        "profile-200MB.png",
        "text.png",
        "thin.svg",
    }
)
"""Files within every limit of size that still cost seconds, here or where they are made."""
ALIKE = ("cut-0.01-", "cut-0.5-", "noise-2-")
"""Files that differ from others by little."""
EARLY: Mapping[str, Sequence[str]] = {
    "rasters": (
        *("header.jpg", "scans.jpg", "header.png", "frames.png", "frames.gif", "frames.webp"),
        *("header.tif", "canvas.ico", "header.jp2", "header.ppm"),
    ),
    "damaged": ("cut-0.1-JPEG", "cut-0.1-AVIF", "cut-0.1-TIFF", "cut-0.1-JPEG2000"),
    "drawings": ("laughs.svg", "inline-header.svg", "inline-content.svg", "cut.svg"),
    "containers": ("header.heic", "grid.avif", "boxes.heic", "header.jxl", "boxes.jxl"),
    "polyglots": (),
    "strangers": ("empty.png", "page.html.jpg", "postscript.eps", "magick.mvg", "vips.v"),
}
"""Files that are refused before a pixel of them is seen."""
GROUPS: Mapping[str, Mapping[str, Maker]] = {
    "rasters": RASTERS,
    "damaged": damaged(),
    "drawings": DRAWINGS,
    "containers": CONTAINERS,
    "polyglots": POLYGLOTS,
    "strangers": STRANGERS,
}
LIMITS = Limits(wall_s=20, cpu_s=60, memory_mb=1024)


class Sandbox:
    """One runner and its loop, for all tests: most of their time would be its start."""

    def __init__(self, loop: asyncio.Runner) -> None:
        self._loop = loop
        self._runner = ForkRunner()

    def run(
        self,
        file: Path,
        scratch: Path,
        operations: Sequence[str] = QUICK,
        context: Context | None = None,
    ) -> dict[str, Outcome]:
        """What becomes of a file."""
        work = hostile_runs.run(self._runner, file, scratch, operations, LIMITS, context)
        return self._loop.run(work)

    def close(self) -> None:
        self._loop.run(self._runner.close())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with asyncio.Runner() as loop:
        sandbox = Sandbox(loop)
        yield sandbox
        sandbox.close()


@pytest.mark.parametrize("group", GROUPS)
def test_every_file_is_refused_or_sound(sandbox: Sandbox, tmp_path: Path, group: str) -> None:
    files = {
        name: make
        for name, make in GROUPS[group].items()
        if name not in COSTLY and not name.startswith(ALIKE)
    }
    found: dict[str, str] = {}
    for name, make in files.items():
        file = _file(tmp_path, name, make())
        outcomes = sandbox.run(file, tmp_path / f"{name}.d")
        found |= {
            f"{name} {operation}": said
            for operation, outcome in outcomes.items()
            if (said := wrong(outcome, tmp_path, costly=False))
        }
    assert found == {}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("group", GROUPS)
def test_every_file_is_refused_or_sound_by_every_operation(
    sandbox: Sandbox, tmp_path: Path, group: str
) -> None:
    found: dict[str, str] = {}
    for name, make in GROUPS[group].items():
        file = _file(tmp_path, name, make())
        found |= _all_wrong(sandbox, file, tmp_path / f"{name}.d", costly=name in COSTLY)
    assert found == {}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_malformed_sample_is_refused_or_sound_by_every_operation(
    sandbox: Sandbox, tmp_path: Path, samples: Path
) -> None:
    found: dict[str, str] = {}
    for file in sorted((samples / "malformed" / "image").iterdir()):
        found |= _all_wrong(sandbox, file, tmp_path / file.name, costly=True)
    assert found == {}


def _all_wrong(sandbox: Sandbox, file: Path, scratch: Path, *, costly: bool) -> dict[str, str]:
    operations = QUICK if file.name in COSTLY else every_operation()
    outcomes = sandbox.run(file, scratch, operations)
    return {
        f"{file.name} {operation}": said
        for operation, outcome in outcomes.items()
        if (said := wrong(outcome, scratch.parent, costly=costly))
    }


@pytest.mark.parametrize("name", ["frames.gif", "frames.webp", "frames.png", "walk"])
def test_every_operation_holds_frames_against_the_limit(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    from golden.image_files import animation

    file = animation(tmp_path) if name == "walk" else _file(tmp_path, name, RASTERS[name]())
    context = Context("image/x", max_frames=3 if name == "walk" else 1_000)
    decoding = {*every_operation()} - {"image.credentials"}
    outcomes = sandbox.run(file, tmp_path / "d", sorted(decoding), context)
    codes = {
        operation: outcome.error and outcome.error.code for operation, outcome in outcomes.items()
    }
    assert codes == dict.fromkeys(codes, "limit_exceeded")


@pytest.mark.parametrize("group", [group for group in GROUPS if EARLY[group]])
def test_what_looks_at_images_refuses_what_others_refuse(
    sandbox: Sandbox, tmp_path: Path, group: str
) -> None:
    """Only files that are refused when they are opened: no model is loaded for these."""
    operations = (*LOOKING, "image.transform")
    differing: dict[str, object] = {}
    for name in EARLY[group]:
        file = _file(tmp_path, name, GROUPS[group][name]())
        outcomes = sandbox.run(file, tmp_path / f"{name}.d", operations)
        said = {outcome.error and outcome.error.code for outcome in outcomes.values()}
        if len(said) != 1 or not said <= REFUSED or any(map(_unstable, outcomes.values())):
            differing[name] = outcomes
    assert differing == {}


def _unstable(outcome: Outcome) -> bool:
    return outcome.ended or outcome.error is None or outcome.error.retryable


def test_one_file_is_refused_alike_again_and_again(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in ("frames.gif", "header.png", "palette.png", "strips.tif"):
        file = _file(tmp_path, name, RASTERS[name]())
        said = set()
        for attempt in ("1", "2"):
            scratch = tmp_path / f"{name}.{attempt}"
            (outcome,) = sandbox.run(file, scratch, QUICK[:1]).values()
            assert outcome.error is not None
            said.add((outcome.error.code, outcome.error.message))
        assert len(said) == 1
        assert said.pop()[0] in REFUSED


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
