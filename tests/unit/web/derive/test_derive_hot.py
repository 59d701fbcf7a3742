"""Answers that are given again unasked: to whom, and for how long."""

from collections.abc import Mapping
from typing import Any

import pytest

from mediakiln.model.deliverable import Deliverable
from mediakiln.model.keys import Bucket
from mediakiln.web.derive import hot
from mediakiln.web.derive.call import Call
from mediakiln.web.derive.hot import FRESH_S, HotAnswers

ITEM = Deliverable(
    bucket=Bucket.PRODUCTION,
    key="k",
    size=1,
    etag="e",
    media_type="image/webp",
    filename="a.webp",
    immutable=True,
    path=None,
)
NOW = 1000.0


def a_call(path: str = "/i/w_40/a", query: str = "", *, ago_s: float = 0.0, **headers: str) -> Call:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    unused: Any = None
    return Call(scope, unused, unused, unused, NOW - ago_s)


def keep(answers: HotAnswers, call: Call, etag: str = "e", **more: Any) -> None:
    given: Mapping[str, Any] = {"source": "a", "varies": (), **more}
    answers.keep(call, ITEM, [(b"etag", etag.encode())], **given)


def found(answers: HotAnswers, call: Call) -> str | None:
    answer = answers.find(call)
    return None if answer is None else answer.pairs[0][1].decode()


def test_an_answer_is_given_again_to_the_same_address_alone() -> None:
    answers = HotAnswers()
    keep(answers, a_call())
    assert found(answers, a_call()) == "e"
    assert found(answers, a_call("/i/w_41/a")) is None
    assert found(answers, a_call(query="x")) is None
    answers.drop(a_call())
    assert found(answers, a_call()) is None


def test_an_answer_is_as_old_as_what_was_asked_for_it() -> None:
    answers = HotAnswers()
    keep(answers, a_call(ago_s=0.5))
    assert found(answers, a_call(ago_s=-0.4)) == "e"
    assert found(answers, a_call(ago_s=-0.6)) is None
    keep(answers, a_call(ago_s=FRESH_S + 0.1))
    assert found(answers, a_call()) is None


def test_an_answer_is_given_no_longer_than_its_address_is_good() -> None:
    answers = HotAnswers()
    keep(answers, a_call(), most_s=0.2)
    assert found(answers, a_call()) == "e"
    assert found(answers, a_call(ago_s=-0.3)) is None
    keep(answers, a_call(ago_s=0.3), most_s=0.2)
    assert found(answers, a_call()) is None, "what took longer to make is no good for longer"


def test_answers_that_vary_are_told_apart() -> None:
    answers = HotAnswers()
    keep(answers, a_call(accept="image/avif"), "avif", varies=("accept",))
    keep(answers, a_call(accept="image/webp"), "webp", varies=("accept",))
    assert found(answers, a_call(accept="image/avif", host="x")) == "avif"
    assert found(answers, a_call(accept="image/webp")) == "webp"
    assert found(answers, a_call()) is None
    keep(answers, a_call(), "any")
    assert found(answers, a_call(accept="image/avif")) == "any", "what it varies with changed"


def test_so_many_answers_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot, "_MOST", 2)
    monkeypatch.setattr(hot, "_MOST_VARIANTS", 2)
    answers = HotAnswers()
    for path in "abc":
        keep(answers, a_call(path))
    assert [found(answers, a_call(path)) for path in "abc"] == [None, "e", "e"]
    for accept in "xyz":
        keep(answers, a_call("c", accept=accept), varies=("accept",))
    kept = [found(answers, a_call("c", accept=accept)) for accept in "xyz"]
    assert kept == [None, None, "e"], "too many at one address begin anew"


def test_what_a_client_makes_long_is_not_kept() -> None:
    answers, long = HotAnswers(), "x" * 2000
    for call in (a_call(long + long), a_call(query=long + long), a_call(accept=long + long)):
        keep(answers, call, varies=("accept",))
        assert found(answers, call) is None
    keep(answers, a_call(long))
    assert found(answers, a_call(long)) == "e"
