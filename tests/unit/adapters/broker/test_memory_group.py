import pytest

from mediakiln.adapters.broker.memory_group import GroupQueue
from mediakiln.model.errors import LeaseLost
from mediakiln.model.messages import Message


def message(id: str, project: str = "default") -> Message:
    return Message(id=id, key=id, project=project, body=b"")


def ids(queue: GroupQueue, limit: int, *, now: float, lease: float = 10.0) -> list[str]:
    return [entry.message.id for entry, _ in queue.take(limit, now=now, lease=lease)]


def test_projects_take_turns_and_each_keeps_its_order() -> None:
    queue = GroupQueue()
    for number in range(3):
        queue.put(message(f"a{number}", "a"), now=0, delay=0)
    queue.put(message("b0", "b"), now=0, delay=0)
    assert ids(queue, 10, now=1) == ["a0", "b0", "a1", "a2"]


def test_turns_go_on_from_one_take_to_the_next() -> None:
    queue = GroupQueue()
    for project in ("a", "b", "c"):
        for number in range(2):
            queue.put(message(f"{project}{number}", project), now=0, delay=0)
    assert [ids(queue, 1, now=1)[0] for _ in range(6)] == ["a0", "b0", "c0", "a1", "b1", "c1"]


def test_a_lease_ends_at_its_very_moment() -> None:
    queue = GroupQueue()
    queue.put(message("m"), now=0, delay=0)
    ((entry, receipt),) = queue.take(1, now=0, lease=10)
    assert ids(queue, 1, now=9) == []
    queue.extend(entry, receipt, now=9, seconds=10)
    with pytest.raises(LeaseLost):
        queue.end(entry, receipt, now=19)
    assert ids(queue, 1, now=19) == ["m"]


def test_an_extension_makes_the_first_lapse_forgotten() -> None:
    queue = GroupQueue()
    queue.put(message("m"), now=0, delay=0)
    ((entry, receipt),) = queue.take(1, now=0, lease=10)
    queue.extend(entry, receipt, now=5, seconds=100)
    assert queue.next_due() == 105
    assert ids(queue, 1, now=50) == []


def test_a_receipt_of_an_earlier_delivery_opens_nothing() -> None:
    queue = GroupQueue()
    queue.put(message("m"), now=0, delay=0)
    ((entry, old),) = queue.take(1, now=0, lease=1)
    ((same, new),) = queue.take(1, now=2, lease=10)
    assert same is entry
    for act in (queue.end, lambda *a, now: queue.retry(*a, now=now, delay=0)):
        with pytest.raises(LeaseLost):
            act(entry, old, now=3)
    queue.end(entry, new, now=3)
    assert queue.backlog(3).ready == queue.backlog(3).leased == 0


def test_the_next_due_moment_is_that_of_what_is_held() -> None:
    queue = GroupQueue()
    assert queue.next_due() is None
    queue.put(message("late"), now=0, delay=30)
    queue.put(message("soon"), now=0, delay=20)
    assert queue.next_due() == 20
    ((entry, receipt),) = queue.take(1, now=20, lease=5)
    assert queue.next_due() == 25
    queue.end(entry, receipt, now=21)
    assert queue.next_due() == 30


def test_the_age_counts_from_when_the_oldest_became_ready() -> None:
    queue = GroupQueue()
    queue.put(message("delayed"), now=0, delay=10)
    assert queue.backlog(5).oldest_age_s is None
    queue.put(message("plain"), now=15, delay=0)
    assert queue.backlog(20).oldest_age_s == 10


def test_ended_leases_leave_nothing_behind() -> None:
    queue = GroupQueue()
    queue.put(message("first in line"), now=0, delay=1)
    for number in range(5000):
        queue.put(message(str(number)), now=0, delay=0)
        ((entry, receipt),) = queue.take(1, now=0, lease=1000)
        queue.end(entry, receipt, now=0)
    assert len(queue._due) < 600
    assert not queue._turns
