"""The part of the catalog contract that is about listing a project's assets."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog_samples import an_asset, changed

_START = datetime(2030, 1, 1, 12, 0, 0, 1, tzinfo=UTC)


class ListTests:
    """Newest first, page by page, a project at a time."""

    async def test_pages_hold_every_asset_once_newest_first(self, catalog: Catalog) -> None:
        made = await _make(catalog, 25)
        for limit in (1, 4, 25, 100):
            assert await _pages(catalog, limit=limit) == made[::-1]

    async def test_the_last_page_has_no_cursor(self, catalog: Catalog) -> None:
        made = await _make(catalog, 4)
        first = await catalog.list("default", limit=2)
        assert first.cursor is not None
        last = await catalog.list("default", limit=2, cursor=first.cursor)
        assert (list(last.assets), last.cursor) == (made[1::-1], None)
        assert (await catalog.list("default", limit=4)).cursor is None
        assert list((await catalog.list("no such project")).assets) == []

    async def test_assets_of_the_same_instant_are_neither_lost_nor_repeated(
        self, catalog: Catalog
    ) -> None:
        made = [await catalog.create(an_asset(created_at=_START)) for _ in range(12)]
        listed = await _pages(catalog, limit=5)
        assert [asset.id for asset in listed] == sorted((a.id for a in made), reverse=True)

    async def test_other_projects_are_never_seen(self, catalog: Catalog) -> None:
        for project in ("a", "a%", "A", "", "a' OR ''='"):
            await catalog.create(an_asset(project=project, kind=Kind.IMAGE))
        for project in ("a", "a%", "A", "", "a' OR ''='"):
            for kind in (None, Kind.IMAGE):
                page = await catalog.list(project, kind=kind)
                assert [asset.project for asset in page.assets] == [project]
        assert list((await catalog.list("%")).assets) == []

    async def test_new_assets_do_not_disturb_a_walk_in_progress(self, catalog: Catalog) -> None:
        made = await _make(catalog, 10)
        page = await catalog.list("default", limit=3)
        seen = list(page.assets)
        while page.cursor is not None:
            await catalog.create(an_asset(created_at=_START + timedelta(hours=1)))
            page = await catalog.list("default", limit=3, cursor=page.cursor)
            seen += page.assets
        assert seen == made[::-1]

    async def test_filters_hold_on_every_page(self, catalog: Catalog) -> None:
        made = await _make(catalog, 60)
        for state in (None, AssetState.RECEIVED, AssetState.READY, AssetState.FAILED):
            for kind in (None, Kind.IMAGE, Kind.VIDEO, Kind.AUDIO):
                expected = [
                    asset
                    for asset in reversed(made)
                    if state in {None, asset.state} and kind in {None, asset.kind}
                ]
                for limit in (2, 50):
                    found = await _pages(catalog, state=state, kind=kind, limit=limit)
                    assert found == expected

    async def test_filters_follow_the_records_changes(self, catalog: Catalog) -> None:
        asset = await catalog.create(an_asset())
        change = changed(asset, state=AssetState.PROCESSING, kind=Kind.AUDIO)
        written = await catalog.update(change, expected=1)
        for state, kind, expected in (
            (AssetState.RECEIVED, None, []),
            (AssetState.PROCESSING, None, [written]),
            (AssetState.PROCESSING, Kind.AUDIO, [written]),
            (None, Kind.AUDIO, [written]),
            (None, Kind.IMAGE, []),
        ):
            page = await catalog.list("default", state=state, kind=kind)
            assert list(page.assets) == expected

    async def test_a_cursor_that_is_not_ours_is_refused(self, catalog: Catalog) -> None:
        await _make(catalog, 6)
        cursor = (await catalog.list("default", limit=2)).cursor
        assert cursor is not None
        damaged = [
            cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :]
            for n in range(len(cursor) - 1)
        ]
        for bad in ("", "x", "%%%", "é", cursor[:-4], cursor + "AAAA", cursor + "\n", *damaged):
            with pytest.raises(InvalidRequest):
                await catalog.list("default", cursor=bad)

    async def test_a_cursor_serves_only_the_list_it_came_from(self, catalog: Catalog) -> None:
        await _make(catalog, 6)
        cursor = (await catalog.list("default", limit=2)).cursor
        with pytest.raises(InvalidRequest):
            await catalog.list("other", cursor=cursor)
        with pytest.raises(InvalidRequest):
            await catalog.list("default", state=AssetState.READY, cursor=cursor)
        with pytest.raises(InvalidRequest):
            await catalog.list("default", kind=Kind.IMAGE, cursor=cursor)

    async def test_a_page_of_nothing_is_refused(self, catalog: Catalog) -> None:
        for limit in (0, -1):
            with pytest.raises(InvalidRequest):
                await catalog.list("default", limit=limit)

    async def test_a_page_begins_behind_a_key_that_need_not_be_there(
        self, catalog: Catalog
    ) -> None:
        records = catalog.records("s")
        for key in ("a/1", "b/1", "b/2", "b/2/x", "b/3", "c/1"):
            await records.put(key, {})

        async def keys(prefix: str, after: str) -> list[str]:
            found, cursor = await records.list(prefix, limit=2, start_after=after)
            more = list(found)
            while cursor is not None:
                found, cursor = await records.list(prefix, limit=2, cursor=cursor)
                more += found
            return [record.key for record in more]

        assert await keys("", "b/2") == ["b/2/x", "b/3", "c/1"]
        assert await keys("b/", "b/2") == ["b/2/x", "b/3"]
        assert await keys("b/", "b/2a") == ["b/3"]
        assert await keys("b/", "a") == ["b/1", "b/2", "b/2/x", "b/3"]
        assert await keys("b/", "c") == []
        assert await keys("b/", "b/2\U0010ffff") == ["b/3"]


async def _make(catalog: Catalog, count: int) -> list[Asset]:
    """Assets in a mixture of states and kinds, a second apart, oldest first."""
    states = [AssetState.RECEIVED, AssetState.READY, AssetState.READY]
    kinds = [None, Kind.IMAGE, Kind.VIDEO, Kind.IMAGE]
    return [
        await catalog.create(
            an_asset(
                created_at=_START + timedelta(seconds=n),
                state=states[n % len(states)],
                kind=kinds[n % len(kinds)],
            )
        )
        for n in range(count)
    ]


async def _pages(
    catalog: Catalog,
    *,
    limit: int,
    state: AssetState | None = None,
    kind: Kind | None = None,
) -> Sequence[Asset]:
    found: list[Asset] = []
    cursor = None
    while True:
        page = await catalog.list("default", state=state, kind=kind, limit=limit, cursor=cursor)
        assert len(page.assets) <= limit
        found += page.assets
        cursor = page.cursor
        if cursor is None:
            return found
