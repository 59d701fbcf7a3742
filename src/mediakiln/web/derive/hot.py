"""Answers that were just given: asking again costs no parsing, no signature and no catalog."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from mediakiln.model.deliverable import Deliverable
from mediakiln.web.derive.call import Call

FRESH_S: Final = 1.0
"""How long an answer is given again unasked: what other processes change is seen after that."""
_MOST: Final = 4096
_MOST_VARIANTS: Final = 16
_MOST_LENGTH: Final = 2048
"""Of an address and the headers that its answer varies with: what a client makes up is not kept."""

Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: the file and every header but those of length and range."""

    item: Deliverable
    pairs: Pairs
    source: str
    """What it was derived from: an asset's id."""
    began: float
    """When the request that it was found out for came, on the monotonic clock."""
    until: float
    """On the same clock."""


@dataclass(slots=True)
class _Address:
    varies: tuple[str, ...]
    variants: dict[tuple[str, ...], Answer] = field(default_factory=dict)


class HotAnswers:
    """Answers by address and by the headers that they vary with."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[tuple[bytes, bytes], _Address] = OrderedDict()

    def find(self, call: Call) -> Answer | None:
        """The answer to a request, if it was given to one like it a moment ago."""
        known = self._addresses.get(_name(call))
        if known is None:
            return None
        answer = known.variants.get(_values(call, known.varies))
        if answer is None or call.began > answer.until:
            return None
        return answer

    def keep(
        self,
        call: Call,
        item: Deliverable,
        pairs: Pairs,
        *,
        source: str,
        varies: tuple[str, ...],
        most_s: float = FRESH_S,
    ) -> None:
        """Give this answer again to requests like this that come within `most_s` of this one."""
        name, values = _name(call), _values(call, varies)
        if sum(map(len, name)) + sum(map(len, values)) > _MOST_LENGTH:
            return
        known = self._addresses.get(name)
        if known is None or known.varies != varies or len(known.variants) >= _MOST_VARIANTS:
            known = self._addresses[name] = _Address(varies)
        self._addresses.move_to_end(name)
        until = call.began + min(FRESH_S, most_s)
        known.variants[values] = Answer(item, pairs, source, call.began, until)
        while len(self._addresses) > _MOST:
            self._addresses.popitem(last=False)

    def drop(self, call: Call) -> None:
        """Give no answer to this address any more: its bytes were not where they should be."""
        self._addresses.pop(_name(call), None)


def _name(call: Call) -> tuple[bytes, bytes]:
    scope = call.scope
    return scope.get("raw_path") or scope["path"].encode(), scope["query_string"]


def _values(call: Call, varies: tuple[str, ...]) -> tuple[str, ...]:
    # Each of a header's lines counts: what is made of a request is made of all of them.
    return tuple(",".join(call.headers.getlist(name)) for name in varies) if varies else ()
