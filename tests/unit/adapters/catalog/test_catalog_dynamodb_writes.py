from datetime import UTC, datetime

import pytest

from mediakiln.adapters.catalog.dynamodb import events, items, writes
from mediakiln.adapters.catalog.rules import MAX_EVENTS
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing
from mediakiln.testing.catalog_samples import an_asset, an_event

EXPRESSION_BYTES = 4096
"""The most that DynamoDB takes."""


def test_the_most_events_fit_the_expressions_that_write_and_forget_them() -> None:
    asset = an_asset(kind=Kind.IMAGE, due_at=datetime.now(UTC))
    outgoing = [an_event(asset) for _ in range(MAX_EVENTS)]
    update = writes.update(asset, 1, outgoing)
    assert len(update["UpdateExpression"]) <= EXPRESSION_BYTES
    forget = writes.forget(asset.id, [event.message.id for event in outgoing], kept=0)
    assert len(forget["UpdateExpression"]) <= EXPRESSION_BYTES
    assert len(forget["ConditionExpression"]) <= EXPRESSION_BYTES


def test_an_item_is_in_an_index_only_while_it_has_a_place_there() -> None:
    plain = writes.create(an_asset(), [])["Item"]
    assert not plain.keys() & {"l2", "l3", "due", "due_at", "box", "box_at"}
    asset = an_asset(kind=Kind.IMAGE, due_at=datetime.now(UTC))
    full = writes.create(asset, [an_event(asset)])["Item"]
    assert full.keys() == plain.keys() | {"l2", "l3", "due", "due_at", "box", "box_at"}


def test_an_item_reads_back_as_what_it_was_made_of() -> None:
    asset = an_asset(version=1)
    outgoing = [an_event(asset), an_event(asset)]
    item = writes.create(asset, outgoing)["Item"]
    assert items.asset_of(item) == asset
    assert [kept.message for kept in events.pending(item)] == [each.message for each in outgoing]


def test_lists_of_other_filters_and_projects_are_never_one() -> None:
    projects = ("", "a", "ready", "ready#a", "#a", "image#")
    places = [
        items.lists(project, state, kind)
        for project in projects
        for state in (None, *AssetState)
        for kind in (None, *Kind)
    ]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("field", ["id", "key", "project"])
def test_a_message_that_cannot_be_stored_is_refused(field: str) -> None:
    asset = an_asset()
    names = {"id": "m", "key": asset.id, "project": "default"} | {field: "a\0b"}
    with pytest.raises(InvalidRequest):
        writes.create(asset, [Outgoing("t", Message(**names, body=b""))])
