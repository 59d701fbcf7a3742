"""Steps of one job on one file share what was decoded; steps of other jobs never do."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from mediakiln.ports.runner import TaskDone, Work
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner_tools import LIMITS, Step, Workbench

WEB = Step("image.resize", {"width": 600, "format": "png"}, "web", limits=LIMITS)
THUMB = Step("image.resize", {"width": 90, "format": "png"}, "thumb", limits=LIMITS)


@pytest.fixture
async def runner() -> AsyncIterator[ForkRunner]:
    runner = ForkRunner()
    yield runner
    await runner.close()


def photo() -> bytes:
    """Noise: pixels scaled by way of another size differ in their bytes from those that are not."""
    image = Image.effect_noise((1200, 900), 90).convert("RGB")
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()


async def checksums(runner: ForkRunner, work: Work) -> dict[str, str]:
    """Each step's checksum."""
    reports = [report async for report in runner.run(work)]
    done = {each.name: each.made[0].checksum for each in reports if isinstance(each, TaskDone)}
    assert len(done) == len(work.tasks), reports
    return done


async def test_a_step_takes_pixels_from_one_before_it_in_its_own_job_only(
    runner: ForkRunner, tmp_path: Path
) -> None:
    bench, data = Workbench(runner, tmp_path), photo()

    def work(*steps: Step) -> Work:
        made = bench.work(*steps)
        made.readable[0].write_bytes(data)
        return made

    alone = await checksums(runner, work(THUMB))
    both = await checksums(runner, work(WEB, THUMB))
    assert both["thumb"] != alone["thumb"], "it was scaled from the larger one"
    assert await checksums(runner, work(WEB, THUMB)) == both
    assert await checksums(runner, work(THUMB)) == alone, "nothing passes from job to job"
    turned = await checksums(runner, work(THUMB, WEB))
    assert turned == {**both, **alone}, "what is made first is made from the file"
