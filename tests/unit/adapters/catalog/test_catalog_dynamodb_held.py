from datetime import UTC, datetime, timedelta

from mediakiln.adapters.catalog.dynamodb.held import Held
from mediakiln.adapters.catalog.dynamodb.link import Item
from mediakiln.adapters.catalog.dynamodb.writes import create
from mediakiln.ports.catalog import Outgoing
from mediakiln.testing.catalog_samples import an_asset, an_event

ASSET = an_asset()
FIRST, SECOND, THIRD = (an_event(ASSET) for _ in range(3))
LATER = datetime.now(UTC) + timedelta(hours=1)


def image(*events: Outgoing) -> Item:
    """The asset's item with these events waiting."""
    item: Item = create(ASSET, events)["Item"]
    return item


def ids(held: Held, until: datetime = LATER) -> list[str]:
    return [event.message.id for event in held.ripe(until)]


def test_an_event_is_handed_out_until_it_is_done() -> None:
    held = Held()
    held.see("s", "1", image(FIRST))
    assert ids(held) == ids(held) == [FIRST.message.id]
    held.done(held.ripe(LATER))
    assert ids(held) == []
    held.see("s", "2", image(FIRST, SECOND))
    assert ids(held) == [SECOND.message.id]


def test_an_event_is_ripe_only_when_it_is_older_than_the_time_given() -> None:
    held = Held()
    held.see("s", "1", image(FIRST))
    assert ids(held, datetime.now(UTC) - timedelta(seconds=1)) == []


def test_what_a_later_image_lacks_was_sent() -> None:
    held = Held()
    held.see("s", "1", image(FIRST, SECOND))
    held.see("s", "2", image(SECOND))
    assert ids(held) == [SECOND.message.id]


def test_a_shard_is_settled_up_to_its_first_record_with_an_event_that_waits() -> None:
    held = Held()
    held.see("s", "1", image(FIRST))
    held.see("s", "2", image(FIRST, SECOND))
    held.see("s", "3", image(SECOND))
    assert held.settled("s") == ("1", False)
    assert held.settled("s") == (None, False)
    held.see("s", "4", image(SECOND, THIRD))
    held.see("s", "5", image(THIRD))
    assert held.settled("s") == ("3", False)
    held.done(held.ripe(LATER))
    assert held.settled("s") == ("5", True)
    assert held.settled("other") == (None, True)


def test_an_event_of_a_parent_shard_is_settled_by_an_image_in_the_child() -> None:
    held = Held()
    held.see("parent", "1", image(FIRST))
    assert held.settled("parent") == (None, False)
    held.see("child", "2", image())
    assert held.settled("parent") == ("1", True)
    assert ids(held) == []
