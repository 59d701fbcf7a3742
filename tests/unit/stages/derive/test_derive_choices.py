"""Which format a client is given, and which lane work takes."""

from typing import Any

import pytest

from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform
from mediakiln.stages.derive import Judge, Planner, Slowness, Source
from mediakiln.stages.derive.negotiate import negotiate
from mediakiln.stages.derive.slowness import slow_head

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
        ("*/*", "image/jpeg", "auto"),
        ("", "image/avif", "auto"),
        ("image/png,image/*", "image/webp", "auto"),
        ("image/png,image/jpeg", "image/webp", "png"),
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


def jpeg_head(marker: int) -> bytes:
    app = b"\xff\xe0\x00\x04ab"
    return b"\xff\xd8" + app + b"\xff" + bytes([marker]) + b"\x00\x11\x08\x00\x10\x00\x10"


@pytest.mark.parametrize(
    ("head", "slow"),
    [
        (jpeg_head(0xC0), False),
        (jpeg_head(0xC2), True),
        (b"\xff\xd8" + b"\xff" * 40, False),
        (b"\xff\xd8\xff", False),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00", True),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00", False),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", False),
        (b"", False),
    ],
)
def test_progressive_and_moving_pictures_are_known_by_their_heads(head: bytes, slow: bool) -> None:
    assert slow_head(head) is slow
