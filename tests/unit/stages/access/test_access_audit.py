"""The audit trail's order and its pages, on the catalogs that are at hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.access.audit import SPACE, AuditTrail, Filter
from support.world import Ticking

EVERYTHING = Filter()


@pytest.fixture(params=["memory", "sqlite"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    """A catalog of each embedded engine."""
    made: Catalog = (
        MemoryCatalog.from_url("memory://")
        if request.param == "memory"
        else SqliteCatalog.from_url(f"sqlite:///{tmp_path / 'catalog.db'}")
    )
    await made.ensure()
    yield made
    await made.close()


@pytest.fixture
def trail(kept: Catalog, clock: Ticking) -> AuditTrail:
    return AuditTrail(kept, kept=timedelta(days=90), clock=clock)


async def noted(trail: AuditTrail, project: str, *subjects: int) -> None:
    for subject in subjects:
        await trail.note("key.created", project=project, who="owner", subject=str(subject))


async def paged(
    trail: AuditTrail, project: str | None, wanted: Filter = EVERYTHING, *, limit: int = 2
) -> list[str]:
    """The subjects of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await trail.list(project, wanted, limit=limit, cursor=cursor)
        assert len(page) <= limit
        found += [entry.subject for entry in page]
        if cursor is None:
            return found


async def test_the_newest_entry_comes_first_in_every_list(
    trail: AuditTrail, clock: Ticking
) -> None:
    for number in range(6):
        await noted(trail, "ab"[number % 2], number)
        clock.forward(seconds=1)
    assert await paged(trail, "a") == ["4", "2", "0"]
    assert await paged(trail, "b") == ["5", "3", "1"]
    assert await paged(trail, None) == ["5", "4", "3", "2", "1", "0"]
    assert await paged(trail, None, limit=100) == ["5", "4", "3", "2", "1", "0"]


async def test_entries_of_one_moment_are_in_order_too(trail: AuditTrail) -> None:
    await noted(trail, "a", *range(20))
    assert await paged(trail, "a", limit=7) == [str(number) for number in reversed(range(20))]


async def test_what_comes_while_pages_are_turned_moves_none(
    trail: AuditTrail, clock: Ticking
) -> None:
    await noted(trail, "a", 0, 1, 2, 3)
    page, cursor = await trail.list("a", EVERYTHING, limit=2)
    clock.forward(seconds=1)
    await noted(trail, "a", 4)
    rest, end = await trail.list("a", EVERYTHING, limit=2, cursor=cursor)
    assert [entry.subject for entry in (*page, *rest)] == ["3", "2", "1", "0"]
    assert end is None or (await trail.list("a", EVERYTHING, cursor=end)) == ([], None)


async def test_a_span_of_time_is_read_and_nothing_beside_it(
    trail: AuditTrail, kept: Catalog, clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = clock.now
    for number in range(100):
        await noted(trail, "a", number)
        clock.forward(seconds=1)
    read: list[str] = []
    records = kept.records(SPACE)
    listing = records.list

    async def counting(*args: object, **more: object) -> object:
        page, cursor = await listing(*args, **more)  # type: ignore[arg-type]
        read.extend(record.key for record in page)
        return page, cursor

    monkeypatch.setattr(trail._records, "list", counting)
    span = Filter(since=start + timedelta(seconds=50), until=start + timedelta(seconds=53))
    assert await paged(trail, "a", span) == ["52", "51", "50"]
    assert len(read) <= 6


@pytest.mark.parametrize("year", [1, 1969, 2300, 9999])
async def test_a_time_far_from_now_is_no_trouble(trail: AuditTrail, year: int) -> None:
    await noted(trail, "a", 1)
    then = datetime(year, 1, 1, tzinfo=UTC)
    later = year > 2000
    assert await paged(trail, "a", Filter(since=then)) == ([] if later else ["1"])
    assert await paged(trail, "a", Filter(until=then)) == (["1"] if later else [])
