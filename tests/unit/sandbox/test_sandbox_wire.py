import json
from pathlib import Path

import pytest

from mediakiln.model.errors import (
    BadMedia,
    Crashed,
    MediakilnError,
    OperationFailed,
    StepTimeout,
    TooManyPixels,
)
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Limits, Task, Work
from mediakiln.sandbox import wire


def work() -> Work:
    commands = {"sketch": {"argv": ["sketch"]}}
    tasks = (
        Task(
            name="a",
            operation="image.resize",
            params={"width": 3},
            out=Path("/s/a"),
            context=Context(media_type="image/png", name="ü.png", threads=2, commands=commands),
            limits=Limits(wall_s=1.5, memory_mb=7),
            source=Path("/in/x"),
        ),
        Task(
            name="b",
            operation="custom.command",
            params={},
            out=Path("/s/b"),
            context=Context(
                media_type="image/webp", commands=commands, models={"m": {"folder": "/m"}}
            ),
            limits=Limits(),
            parent="a",
            parent_file="image.webp",
        ),
    )
    return Work(project="", scratch=Path("/s"), tasks=tasks, readable=(Path("/in/x"),))


def test_a_job_arrives_as_it_was_sent() -> None:
    sent = wire.encode_work(work())
    (length,) = wire.HEADER.unpack(sent[:4])
    assert length == len(sent) - 4
    assert wire.decode_work(json.loads(sent[4:])) == work()


@pytest.mark.parametrize(
    "error",
    [
        BadMedia("odd", offset=3),
        TooManyPixels(limit=5, value=6),
        StepTimeout("late", unit="s"),
        Crashed("gone", signal="SIGSEGV"),
    ],
)
def test_an_error_arrives_with_its_class_words_and_context(error: MediakilnError) -> None:
    back = wire.decode_error(json.loads(json.dumps(wire.encode_error(error))))
    assert (type(back), back.message, back.context) == (type(error), error.message, error.context)


def test_an_unknown_code_is_an_operation_failure_that_names_it() -> None:
    back = wire.decode_error({"code": "solar_flare", "message": "hot", "context": {}})
    assert type(back) is OperationFailed
    assert (back.message, back.context) == ("hot", {"reported": "solar_flare"})


@pytest.mark.parametrize("context", [None, 3, [], "x", {"message": "another"}, {"code": 1}])
def test_a_made_up_context_does_no_harm(context: object) -> None:
    back = wire.decode_error({"code": "bad_media", "message": "m", "context": context})
    assert back.message == "m"


def test_long_words_and_contexts_are_cut() -> None:
    raw = wire.encode_error(BadMedia("m" * 10_000, note="n" * 100_000))
    assert len(raw["message"]) == 2_000
    assert raw["context"] == {}


def test_a_context_that_a_child_did_not_cut_is_not_kept() -> None:
    made_up = {"code": "bad_media", "message": "m", "context": {"hint": "n" * 100_000}}
    assert wire.decode_error(made_up).context == {}


def test_a_child_s_words_steer_no_terminal() -> None:
    made_up = {"code": "bad_media", "message": "a\x1b[2Jb\nc", "context": {"hint": "\x9b\u202e"}}
    back = wire.decode_error(made_up)
    assert back.message == "a\ufffd[2Jb\nc"
    assert back.context == {"hint": "\ufffd\ufffd"}


def test_a_context_that_json_does_not_know_is_written_out() -> None:
    assert wire.encode_error(BadMedia("m", path=Path("/x")))["context"] == {"path": "/x"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), b"bytes"])
def test_metadata_that_json_does_not_know_are_refused(value: object) -> None:
    with pytest.raises(OperationFailed, match="JSON"):
        wire.frame({"metadata": value})


def test_a_frame_has_a_greatest_size() -> None:
    with pytest.raises(OperationFailed) as caught:
        wire.frame({"x": "y" * wire.MAX_FRAME_BYTES})
    assert caught.value.context["limit"] == wire.MAX_FRAME_BYTES
