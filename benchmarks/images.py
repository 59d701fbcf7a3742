"""Images on request beside other servers of such, on the same files.

    python benchmarks/images.py

All have two workers; thumbor, whose own is one process, is there with one and with two.
Distinct addresses, so that nothing is answered from a cache; four requests at once; servers take
turns, so that whatever else the machine does hits all. What rivals need is told in
`image_rivals.py`. Addresses that were made already are measured in `image_hot.py`, memory and
several widths of one decode in `image_costs.py`; both are part of this run.
"""

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import image_costs
import image_files
import image_hot
from figures import report
from image_load import Load, answer, listens, loaded, media_type
from image_rivals import WORKERS, Asked, Rival, rivals
from processes import free_port, started

Row = dict[str, Any]

WARM_S, ROUND_S, ROUNDS = 0.7, 2.0, 3
QUALITY = 80
"""Of lossy formats, for everybody."""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of request."""

    name: str
    asked: Asked
    widths: Sequence[int] = (800,)
    spread: int = 200
    """Widths lie around, so many pixels either way."""
    yardstick: tuple[float, float] | None = None
    """Requests a second of imgproxy and of thumbor, as the project's owner measured them on two
    quiet cores with files of these sizes."""

    def __iter__(self) -> Iterator[Asked]:
        """One request after another, no two alike."""
        for turn in itertools.count():
            for shift in range(-self.spread, self.spread):
                for width in self.widths:
                    yield replace(self.asked, width=width + shift, turn=turn)


CASES: Final = (
    Case(
        "12 MP JPEG to 800 px JPEG", Asked("12mp.jpg", 800, "jpeg", QUALITY), yardstick=(22.5, 13.8)
    ),
    Case(
        "12 MP JPEG to 800 px WebP", Asked("12mp.jpg", 800, "webp", QUALITY), yardstick=(11.2, 8.2)
    ),
    Case("12 MP JPEG to 800 px AVIF", Asked("12mp.jpg", 800, "avif", QUALITY)),
    Case("2 MP PNG to 800 px PNG", Asked("2mp.png", 800, "png", None), yardstick=(17.2, 7.9)),
    Case(
        "24 MP JPEG to five widths",
        Asked("24mp.jpg", 800, "jpeg", QUALITY),
        widths=(400, 800, 1200, 1600, 2000),
        spread=100,
    ),
)


def measure() -> list[Row]:
    """Every figure, in less than three minutes once the rivals are installed."""
    with tempfile.TemporaryDirectory(prefix="mediakiln-images-") as name:
        root = Path(name)
        root.chmod(0o755)  # a rival may run as a user of its own
        files = Path(os.environ.get("BENCH_FILES", root / "files"))
        files.mkdir(exist_ok=True)
        made = image_files.make(files)
        ids = image_files.seeded(root / "data", made)
        with ExitStack() as stack:
            ours = stack.enter_context(_ours(root / "data", ids))
            beside = stack.enter_context(rivals(root, files))
            rows = [row for case in CASES for row in _compared(case, ours, beside)]
            rows += _hot(root, ours, beside)
        return rows + image_costs.measured(root, made)


def _hot(root: Path, ours: Rival, beside: Sequence[Rival]) -> list[Row]:
    asked = CASES[0].asked
    imgproxy = [(each.port, each.address(asked)) for each in beside if each.name == "imgproxy"]
    return image_hot.measured(root, (ours.port, ours.address(asked)), imgproxy)


@contextmanager
def _ours(data: Path, ids: Mapping[str, str]) -> Iterator[Rival]:
    """The delivery role alone."""

    def address(asked: Asked) -> str:
        quality = "" if asked.quality is None else f",q_{asked.quality}"
        size = f"w_{asked.width},h_{10_000 + asked.turn},fit_inside"
        return f"/i/{size},f_{asked.format}{quality}/{ids[asked.file]}"

    port = free_port()
    settings = {"PORT": port, "IMAGES_WORKERS": WORKERS, "IMAGES_SIGNED": "false"}
    with started("run", "delivery", data=data, settings=settings) as process:
        while not listens(port):
            assert process.is_running()
            time.sleep(0.1)
        yield Rival("mediakiln", port, process, address)


def _compared(case: Case, ours: Rival, beside: Sequence[Rival]) -> list[Row]:
    beside = [each for each in beside if _can(each, case)]
    loads: dict[str, list[Load]] = {each.name: [] for each in (ours, *beside)}
    asked = {each.name: map(each.address, iter(case)) for each in (ours, *beside)}
    for each in (ours, *beside):
        loaded(each.port, asked[each.name], WARM_S, each.process)
    for _ in range(ROUNDS):
        for each in (ours, *beside):
            loads[each.name].append(loaded(each.port, asked[each.name], ROUND_S, each.process))
    medians = {name: _median(rounds) for name, rounds in loads.items()}
    mine = medians.pop(ours.name)
    rows = [row for name, other in medians.items() for row in _beside(case.name, mine, name, other)]
    if case.asked.quality is not None and len(case.widths) == 1:
        rows += [_sizes(case, ours, each) for each in beside]
    if "thumbor" in medians and "imgproxy" not in medians and case.yardstick is not None:
        rows.append(_by_yardstick(case.name, mine, medians["thumbor"], case.yardstick))
    return rows


def _sizes(case: Case, ours: Rival, other: Rival) -> Row:
    """How large the same image is: a server may be fast because it does not try to be small."""
    mine, its = (len(answer(each.port, each.address(case.asked))) for each in (ours, other))
    return {
        "name": f"{case.name}: bytes",
        "value": mine,
        "unit": "B",
        "rival": f"{other.name}: {its:,}",
        "ratio": mine / its,
        "target": None,
        "holds": None,
    }


def _can(rival: Rival, case: Case) -> bool:
    given = media_type(rival.port, rival.address(case.asked))
    if given == f"image/{case.asked.format}":
        return True
    print(f"left out: {rival.name} gives {given} for {case.name}")
    return False


def _median(rounds: Sequence[Load]) -> Load:
    spent = [each.cpu_ms for each in rounds if each.cpu_ms is not None]
    return Load(
        statistics.median(each.rate for each in rounds),
        statistics.median(spent) if spent else None,
    )


_LEAST: Final = {"thumbor": 1.5, "imgproxy": 1.0}


def _beside(case: str, mine: Load, name: str, other: Load) -> list[Row]:
    ratio, least = mine.rate / other.rate, _LEAST.get(name)
    rows = [
        {
            "name": case,
            "value": round(mine.rate, 1),
            "unit": "1/s",
            "rival": f"{name}: {other.rate:.1f}",
            "ratio": ratio,
            "target": None if least is None else f">= {least}",
            "holds": None if least is None else ratio >= least,
        }
    ]
    if mine.cpu_ms is not None and other.cpu_ms is not None:
        rows.append(
            {
                "name": f"{case}: CPU",
                "value": round(mine.cpu_ms, 1),
                "unit": "ms",
                "rival": f"{name}: {other.cpu_ms:.1f}",
                "ratio": mine.cpu_ms / other.cpu_ms,
                "target": None,
                "holds": None,
            }
        )
    return rows


def _by_yardstick(case: str, mine: Load, thumbor: Load, yardstick: tuple[float, float]) -> Row:
    """Beside what imgproxy would do here, if it is as much faster than thumbor as elsewhere."""
    imgproxy, there = yardstick
    expected = thumbor.rate * imgproxy / there
    return {
        "name": f"{case}, by the yardstick",
        "value": round(mine.rate, 1),
        "unit": "1/s",
        "rival": f"imgproxy at {imgproxy}:{there} of thumbor: {expected:.1f}",
        "ratio": mine.rate / expected,
        "target": ">= 1.0",
        "holds": mine.rate >= expected,
    }


if __name__ == "__main__":
    report(measure, __doc__)
