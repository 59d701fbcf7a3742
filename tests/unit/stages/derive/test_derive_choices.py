"""Which format a client is given, and which lane work takes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform
from mediakiln.stages.derive import Judge, Planner, Slowness, Source
from mediakiln.stages.derive.negotiate import negotiate
from support import media

GIF = b"GIF89a\x10\x00\x10\x00"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def a_source(media_type: str = "image/jpeg", **facts: Any) -> Source:
    return Source(project="default", id="asset", identity="1", media_type=media_type, **facts)


@pytest.mark.parametrize(
    ("accept", "media_type", "format"),
    [
        (CHROME, "image/jpeg", "avif"),
        ("image/webp,*/*", "image/png", "webp"),
        ("image/AVIF;q=0, image/webp", "image/jpeg", "webp"),
        ("image/avif;q=nonsense,image/webp;q=0.1", "image/jpeg", "webp"),
        ("*/*", "image/jpeg", "compatible"),
        ("", "image/avif", "compatible"),
        ("image/png,image/*;q=0.8,*/*;q=0.5", "image/webp", "compatible"),
        ("image/png,image/jpeg", "image/avif", "compatible"),
        ("image/avif;q=0,*/*", "", "compatible"),
        (CHROME, "image/gif", "webp"),
    ],
)
def test_the_best_format_that_accept_names_is_chosen(
    accept: str, media_type: str, format: str
) -> None:
    chosen = negotiate(accept, a_source(media_type), {}, ("avif", "webp"))
    assert chosen.format == format


def test_a_still_of_an_animation_may_be_avif() -> None:
    chosen = negotiate(CHROME, a_source("image/gif"), {"animated": False}, ("avif", "webp"))
    assert chosen.format == "avif"


def test_what_another_format_alone_would_have_is_left_out() -> None:
    plan = Planner(transform, formats=("webp",))
    wanted = Transform(encoding={"progressive": True}, negotiated=True)
    assert plan(a_source(), wanted, CHROME).params["progressive"] is False
    assert plan(a_source(), wanted, "*/*").params["progressive"] is True


def test_an_address_that_names_no_effort_has_the_operators() -> None:
    plan = Planner(transform, formats=("webp",), efforts={"webp": 3})
    for encoding, effort in (
        ({"format": "webp"}, 3),
        ({"format": "webp", "effort": 0}, 0),
        ({"format": "jpeg"}, None),
    ):
        assert plan(a_source(), Transform(encoding=encoding), "").params["effort"] == effort
    assert plan(a_source(), Transform(negotiated=True), CHROME).params["effort"] == 3


@pytest.mark.parametrize(
    ("source", "encoding", "width", "slow"),
    [
        (a_source(), {}, 800, False),
        (a_source("image/heic"), {}, 800, True),
        (a_source("image/svg+xml"), {}, 800, True),
        (a_source("image/gif"), {}, 100, True),
        (a_source("image/gif"), {"format": "jpeg"}, 100, False),
        (a_source("image/gif"), {"animated": False}, 100, False),
        (a_source(size=10**9), {}, 100, True),
        (a_source(sides=(10_000, 10_000)), {}, 100, True),
        (a_source(), {"format": "avif"}, 800, False),
        (a_source(), {"format": "avif"}, 2000, True),
        (a_source(), {"format": "jxl"}, 2000, True),
        (a_source(), {"format": "gif"}, 2000, True),
        (a_source(), {"format": "webp", "lossless": True}, 2000, True),
        (a_source(), {"format": "webp", "lossless": True}, 800, False),
        (a_source(), {"format": "webp"}, 2000, False),
        (a_source(), {"format": "png", "lossless": True}, 2000, False),
        (a_source(), {"format": "webp", "effort": 9}, 100, True),
        (a_source(), {"format": "webp", "effort": 6}, 100, False),
    ],
)
def test_slow_work_is_known_by_record_and_transform(
    source: Source, encoding: dict[str, Any], width: int, slow: bool
) -> None:
    steps = ({"op": "image.resize", "width": width},)
    plan = Planner(transform, formats=())(source, Transform(steps, encoding), "")
    assert Judge(Slowness()).is_slow(plan) is slow


def test_edits_that_are_slow_by_themselves_are_known() -> None:
    judge = Judge(Slowness(operations=frozenset({"image.redact"})))
    for step, slow in (
        ({"op": "image.redact", "what": ["faces"]}, True),
        ({"op": "image.resize", "width": 10, "height": 10, "fit": "cover"}, False),
    ):
        plan = Planner(transform, formats=())(a_source(), Transform((step,)), "")
        assert judge.is_slow(plan) is slow


def test_a_large_image_that_is_laid_over_another_is_slow() -> None:
    plan = Planner(transform, formats=())(a_source(), Transform(), "")
    over = replace(plan, others={"mark": a_source(sides=(10_000, 10_000))})
    assert [Judge(Slowness()).is_slow(each) for each in (plan, over)] == [False, True]


@pytest.mark.parametrize(
    ("content", "encoding", "slow"),
    [
        (media.jpeg(), {}, False),
        (GIF, {}, True),
        (GIF, {"format": "jpeg"}, False),
        (b"\x00\x00\x00\x18ftypheic", {}, True),
        (b"<svg/>", {}, True),
        (b"words", {}, False),
    ],
)
async def test_of_a_source_without_a_record_the_file_is_judged(
    tmp_path: Path, content: bytes, encoding: dict[str, Any], slow: bool
) -> None:
    path = tmp_path / "source"
    path.write_bytes(content)
    source = Source(project="default", id="at-1", identity="https://a.example/1")
    plan = Planner(transform, formats=())(source, Transform(encoding=encoding), "")
    assert await Judge(Slowness()).has_slow_file(plan, path) is slow


@pytest.mark.parametrize("limits", [Slowness(bytes=10), Slowness(pixels=10)])
async def test_of_a_large_source_without_a_record_bytes_and_pixels_are_counted(
    tmp_path: Path, limits: Slowness
) -> None:
    path = tmp_path / "source"
    path.write_bytes(media.jpeg())
    source = Source(project="default", id="at-1", identity="https://a.example/1")
    plan = Planner(transform, formats=())(source, Transform(), "")
    assert await Judge(limits).has_slow_file(plan, path)


SMALL = {"op": "image.resize", "width": 800}
BLURRED = {"op": "image.adjust", "blur": 20}


@pytest.mark.parametrize(
    ("steps", "slow"),
    [
        ([{"op": "image.resize", "width": 16_000}], False),
        ([{"op": "image.resize", "width": 16_000, "enlarge": True}], True),
        ([{"op": "image.resize", "width": 4_000, "enlarge": True, "dpr": 4}], True),
        ([{"op": "image.pad", "width": 9_000, "height": 9_000}], True),
        ([BLURRED, SMALL], False),
        ([SMALL, *[BLURRED] * 20], False),
        ([*[BLURRED] * 5, SMALL], True),
    ],
)
def test_edits_that_make_many_pixels_are_slow(steps: list[dict[str, Any]], slow: bool) -> None:
    photo = a_source(sides=(4_000, 3_000))
    plan = Planner(transform, formats=())(photo, Transform(tuple(steps)), "")
    assert Judge(Slowness()).is_slow(plan) is slow
