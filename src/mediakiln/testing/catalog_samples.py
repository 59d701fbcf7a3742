"""Assets and events for catalog tests."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from mediakiln.model.asset import Asset, Problem, Source, StepProducts, StepRecord
from mediakiln.model.ids import new_id
from mediakiln.model.kind import Kind, StepState
from mediakiln.model.messages import Received
from mediakiln.model.product import StoredFile
from mediakiln.model.recipe import MAX_STEPS, Recipe
from mediakiln.ports.catalog import Catalog, Outgoing, Pending

SOON = timedelta(minutes=1)
"""Added to the present where a test means "all there is by now"."""


def an_asset(**fields: Any) -> Asset:
    """A fresh upload, with whatever fields the test cares about."""
    at = fields.pop("created_at", datetime.now(UTC))
    id = fields.pop("id", None) or new_id()
    plain: dict[str, Any] = {
        "id": id,
        "name": "photo.jpg",
        "bytes": 123,
        "source": Source(key=f"default/{id}"),
        "created_at": at,
        "run_started_at": at,
        "updated_at": at,
        "mutation_id": new_id(),
    }
    return Asset(**(plain | fields))


def changed(asset: Asset, **fields: Any) -> Asset:
    """The next write of a record: its own mutation, and the fields that change."""
    return asset.model_copy(update={"mutation_id": new_id(), **fields})


def an_event(asset: Asset, *, topic: str = "received", delay: float = 0.0) -> Outgoing:
    """A message of this asset, with an id of its own."""
    message = Received(asset=asset.id, project=asset.project).to_message()
    return Outgoing(topic, message, delay)


async def all_pending(catalog: Catalog, before: datetime | None = None) -> list[Pending]:
    """The outbox of every shard."""
    end = before or datetime.now(UTC) + SOON
    shards = range(catalog.capabilities.shards)
    return [
        pending
        for shard in shards
        for pending in await catalog.outbox(before=end, shard=shard, limit=10_000)
    ]


async def all_due(catalog: Catalog, before: datetime) -> list[Asset]:
    """What is due in every shard, the longest due first."""
    found: list[Asset] = []
    for shard in range(catalog.capabilities.shards):
        found += await catalog.due(before, shard=shard, limit=10_000)
    return sorted(found, key=lambda asset: asset.due_at or asset.created_at)


def an_elaborate_asset() -> Asset:
    """Every field set, with names that break quoting, and the longest of recipes."""
    steps: dict[str, Any] = {
        f"s{n}": {"op": "image.resize", "width": n + 1, "ratio": 0.1, "note": f"Größe {n} 🙂"}
        for n in range(MAX_STEPS - 1)
    }
    steps["web"] = {"op": "image.crop", "from": "s0/a.webp", "box": [1, 2, None], "deep": {"a": {}}}
    file = StoredFile(
        file="a'b\"c.webp",
        media_type="image/webp",
        bytes=2**40,
        checksum="blake3:" + "0" * 64,
        key="k",
        metadata={"width": 1, "é": [True, None, -0.5]},
    )
    products = StepProducts(
        op="image.crop",
        manifest="m",
        digest="d",
        run=1,
        attempt=2,
        made_on=date(2031, 5, 6),
        count=1,
        total_bytes=file.bytes,
        files=(file,),
    )
    at = datetime(2031, 5, 6, 7, 8, 9, 123457, tzinfo=UTC)
    return an_asset(
        project="größe-'; DROP TABLE assets; --",
        uploader="Ünïcødé \u202e\u0000 %_\\ ' \" 🙂",
        name="a\u0000b\n\r\t\u2028.jpg",
        tags=("", "ta,g", "日本語"),
        kind=Kind.IMAGE,
        media_type="image/jpeg",
        recipe=Recipe.model_validate({"name": "big", "version": 3, "steps": steps}),
        metadata={"exif": {"GPS": [1.5, -2.25e-10, 10**30], "\u0000": "\ud7ff"}, "": None},
        steps={"web": StepRecord(state=StepState.FAILED, seconds=0.1, error=_problem())},
        arrived={"web": products},
        published={"s0": products},
        error=_problem(),
        created_at=at,
        completed_at=at,
        due_at=at,
    )


def _problem() -> Problem:
    return Problem(code="bad_media", message="not \N{LEFT DOUBLE QUOTATION MARK}JPEG", step="web")
