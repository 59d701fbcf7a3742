"""Partial failures, which no server at hand can be told to have."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mediakiln.adapters.broker.sqs import batches as module
from mediakiln.adapters.broker.sqs.address import Address
from mediakiln.adapters.broker.sqs.batches import MAX_BYTES, Batches, Entry, settled, split
from mediakiln.adapters.broker.sqs.failures import of_entry
from mediakiln.model.errors import EngineError, EngineUnavailable, MediakilnError

ADDRESS = Address(region="eu-central-1")


class Service:
    """Takes batches, and fails the entries it is told to as often as it is told to."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.code, self.sender_fault = "InternalError", False
        self.silent = False
        self.calls: list[list[str]] = []
        self.pause = asyncio.Event()
        self.pause.set()

    def batches(self, linger: float = 0.0) -> Batches:
        return Batches(self.call, self.fault, linger=linger)

    @staticmethod
    def fault(failed: dict[str, Any]) -> MediakilnError:
        return of_entry(failed, "sqs:SendMessage", ADDRESS)

    async def call(self, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        self.calls.append([entry["name"] for entry in entries])
        await self.pause.wait()
        done, failed = [], []
        for entry in entries:
            left = self.failures.get(entry["name"], 0)
            self.failures[entry["name"]] = left - 1
            if left <= 0:
                done.append({"Id": entry["Id"]})
            elif not self.silent:
                fault = {"Code": self.code, "SenderFault": self.sender_fault}
                failed.append({"Id": entry["Id"], **fault})
        return {"Successful": done, "Failed": failed}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0.001)


def add(batches: Batches, *names: str) -> list[asyncio.Future[None]]:
    return [batches.add({"name": name}) for name in names]


async def test_entries_that_come_together_travel_together() -> None:
    service = Service()
    names = [f"n{number}" for number in range(23)]
    await settled(add(service.batches(), *names))
    assert [len(call) for call in service.calls] == [10, 10, 3]
    assert [name for call in service.calls for name in call] == names


async def test_entries_that_linger_meet_later_ones() -> None:
    service = Service()
    batches = service.batches(linger=0.05)
    first = add(batches, "a")
    await asyncio.sleep(0.01)
    await settled([*first, *add(batches, "b")])
    assert service.calls == [["a", "b"]]


async def test_only_the_failed_entries_are_sent_again() -> None:
    service = Service(b=2)
    await settled(add(service.batches(), "a", "b", "c"))
    assert service.calls == [["a", "b", "c"], ["b"], ["b"]]


@pytest.mark.parametrize("silent", [False, True])
async def test_an_entry_that_never_succeeds_is_reported_and_no_other(silent: bool) -> None:
    service = Service(b=99)
    service.silent = silent
    a, b, c = add(service.batches(), "a", "b", "c")
    with pytest.raises(EngineUnavailable):
        await b
    await settled([a, c])
    assert len(service.calls) == 4


async def test_an_entry_whose_fault_is_its_own_is_not_sent_again() -> None:
    service = Service(b=99)
    service.code, service.sender_fault = "InvalidMessageContents", True
    a, b = add(service.batches(), "a", "b")
    with pytest.raises(EngineError, match="InvalidMessageContents"):
        await b
    await a
    assert len(service.calls) == 1


async def test_a_batch_of_which_one_failed_is_never_reported_as_sent() -> None:
    service = Service(n17=99)
    with pytest.raises(EngineUnavailable):
        await settled(add(service.batches(), *(f"n{number}" for number in range(25))))


async def test_an_entry_given_up_before_it_left_is_not_sent() -> None:
    service = Service()
    a, b = add(service.batches(linger=0.01), "a", "b")
    a.cancel()
    await b
    assert service.calls == [["b"]]


async def test_closing_sends_what_waits_and_fails_what_hangs() -> None:
    service = Service()
    batches = service.batches(linger=60)
    (waits,) = add(batches, "waits")
    await batches.close(1)
    await waits
    service.pause.clear()
    (hangs,) = add(batches, "hangs")
    await batches.close(0.05)
    with pytest.raises(EngineUnavailable):
        await hangs


async def test_batches_are_split_by_size_and_number() -> None:
    third = MAX_BYTES // 3 + 1
    sizes = [third, third, third, *[1] * 12, MAX_BYTES, 1]
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    made = [[entry.size for entry in part] for part in split([Entry({}, s, future) for s in sizes])]
    assert made == [[third, third], [third, *[1] * 9], [1, 1, 1], [MAX_BYTES], [1]]
