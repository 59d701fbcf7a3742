"""The part of the catalog contract that is about records spaces."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from mediakiln.model.errors import InvalidRequest, LimitExceeded, VersionConflict
from mediakiln.ports.catalog import Catalog, Record, Records

_ODD_KEYS = (
    "a%b",
    "a_b",
    "axb",
    "a%",
    "a_",
    "A",
    "ä",
    "a'b",
    'a"b',
    "a\\b",
    "日本/語",
    "🙂",
    "🙂🙂",
    "\ud7ff",
    "\ue000",
    "\U0010ffff",
    "\U0010ffff\U0010ffff",
    "*",
    "a*",
    "[a]",
    " a",
    "a b ",
    "x" * 1024,
)


class RecordsTests:
    """A key-value space with compare-and-set."""

    expiry_s: ClassVar[float] = 0.3
    """How soon records of these tests expire; longer where a request takes long."""

    async def test_a_value_reads_back_equal_everywhere(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        value = {"ä": [1, 2.5, None, True, {"'": "\u0000🙂"}], "big": 10**20, "": {}}
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        version = await catalog.records("s").put("k", value, expires_at=expires_at)
        record = Record("k", value, version, expires_at)
        assert await catalog.records("s").get("k") == record
        assert await second.records("s").get("k") == record
        assert await catalog.records("s").get("other") is None
        assert await catalog.records("t").get("k") is None

    async def test_a_first_write_is_refused_where_there_is_one(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        version = await records.put("k", {"n": 1})
        with pytest.raises(VersionConflict):
            await records.put("k", {"n": 2})
        assert await records.get("k") == Record("k", {"n": 1}, version)

    async def test_a_write_needs_the_present_version(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        records = catalog.records("s")
        with pytest.raises(VersionConflict):
            await records.put("k", {}, expected=1)
        first = await records.put("k", {"n": 1})
        later = await second.records("s").put("k", {"n": 2}, expected=first)
        assert later != first
        for stale in (first, later + 1):
            with pytest.raises(VersionConflict):
                await records.put("k", {"n": 3}, expected=stale)
        assert await records.get("k") == Record("k", {"n": 2}, later)

    async def test_a_write_replaces_the_expiry_too(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        version = await records.put("k", {}, expires_at=datetime.now(UTC) + timedelta(hours=1))
        version = await records.put("k", {}, expected=version)
        assert await records.get("k") == Record("k", {}, version, None)

    async def test_fifty_concurrent_increments_lose_none(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        await catalog.records("s").put("k", {"n": 0})

        async def increment(records: Records) -> None:
            while True:
                now = await records.get("k")
                assert now is not None
                try:
                    await records.put("k", {"n": now.value["n"] + 1}, expected=now.version)
                except VersionConflict:
                    continue
                return

        engines = [catalog.records("s"), second.records("s")] * 25
        await asyncio.gather(*map(increment, engines))
        final = await catalog.records("s").get("k")
        assert final is not None
        assert final.value == {"n": 50}

    async def test_of_many_first_writers_exactly_one_succeeds(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        engines = [catalog.records("s"), second.records("s")] * 10
        outcomes = await asyncio.gather(
            *(records.put("lock", {"owner": n}) for n, records in enumerate(engines)),
            return_exceptions=True,
        )
        winners = {n: outcome for n, outcome in enumerate(outcomes) if isinstance(outcome, int)}
        ((winner, version),) = winners.items()
        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 19
        stored = await catalog.records("s").get("lock")
        assert stored == Record("lock", {"owner": winner}, version)

    async def test_a_deleted_key_is_gone_and_deleting_again_is_no_error(
        self, catalog: Catalog
    ) -> None:
        records = catalog.records("s")
        await records.put("k", {})
        await records.put("other", {})
        for _ in range(2):
            await records.delete("k")
        await records.delete("never was", expected=5)
        assert await records.get("k") is None
        assert await records.get("other") is not None

    async def test_a_conditional_delete_needs_the_present_version(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        first = await records.put("k", {})
        second = await records.put("k", {"n": 2}, expected=first)
        with pytest.raises(VersionConflict):
            await records.delete("k", expected=first)
        assert await records.get("k") == Record("k", {"n": 2}, second)
        await records.delete("k", expected=second)
        assert await records.get("k") is None

    async def test_a_key_made_anew_fools_no_holder_of_an_old_version(
        self, catalog: Catalog
    ) -> None:
        records = catalog.records("s")
        old = await records.put("lock", {"owner": "a"})
        await records.delete("lock")
        await records.put("lock", {"owner": "b"})
        with pytest.raises(VersionConflict):
            await records.put("lock", {"owner": "a"}, expected=old)
        with pytest.raises(VersionConflict):
            await records.delete("lock", expected=old)

    async def test_what_has_expired_is_as_good_as_absent(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        records = catalog.records("s")
        expires_at = datetime.now(UTC) + timedelta(seconds=self.expiry_s)
        old = await records.put("k", {"n": 1}, expires_at=expires_at)
        assert await records.get("k") is not None
        await asyncio.sleep(self.expiry_s + 0.05)
        assert await second.records("s").get("k") is None
        assert await _all(records) == []
        with pytest.raises(VersionConflict):
            await records.put("k", {"n": 2}, expected=old)
        await records.delete("k", expected=old + 1)
        new = await records.put("k", {"n": 3})
        assert new != old
        assert await records.get("k") == Record("k", {"n": 3}, new)

    async def test_a_write_over_what_has_expired_makes_it_anew(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        past = datetime.now(UTC) - timedelta(seconds=1)
        for n in range(3):
            await records.put("k", {"n": n}, expires_at=past)
            assert await records.get("k") is None
        version = await records.put("k", {"n": 9})
        assert await _all(records) == [Record("k", {"n": 9}, version)]

    async def test_odd_keys_are_kept_apart_and_listed_by_code_point(self, catalog: Catalog) -> None:
        records = catalog.records("odd'; DROP TABLE records; --")
        for key in _ODD_KEYS:
            await records.put(key, {"key": key})
        for key in _ODD_KEYS:
            record = await records.get(key)
            assert record is not None
            assert record.value == {"key": key}
        assert [record.key for record in await _all(records)] == sorted(_ODD_KEYS)

    async def test_no_character_of_a_prefix_is_special(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        for key in _ODD_KEYS:
            await records.put(key, {})
        for prefix in (*_ODD_KEYS, "", "a", "%", "_", "\U0010ffff", "🙂", "x" * 1023, "no such"):
            expected = sorted(key for key in _ODD_KEYS if key.startswith(prefix))
            for limit in (1, 3, 100):
                listed = await _all(records, prefix=prefix, limit=limit)
                assert [record.key for record in listed] == expected

    async def test_spaces_are_separate(self, catalog: Catalog) -> None:
        spaces = ("a", "A", "a%", "", "ä")
        for space in spaces:
            await catalog.records(space).put("k", {"space": space})
        for space in spaces:
            listed = await _all(catalog.records(space))
            assert [record.value for record in listed] == [{"space": space}]
        await catalog.records("a").delete("k")
        assert await catalog.records("A").get("k") is not None

    async def test_pages_stay_sound_while_keys_come_and_go(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        for n in range(20):
            await records.put(f"k{n:02}", {})
        found, cursor = await records.list(limit=5)
        await records.put("a", {})
        await records.put("k995", {})
        await records.delete("k04")
        seen = [record.key for record in found]
        while cursor is not None:
            found, cursor = await records.list(limit=5, cursor=cursor)
            seen += [record.key for record in found]
        assert seen == [*(f"k{n:02}" for n in range(20)), "k995"]

    async def test_a_cursor_that_is_not_ours_is_refused(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        for n in range(4):
            await records.put(f"k{n}", {})
        _, cursor = await records.list(limit=2)
        assert cursor is not None
        for bad in ("", "x", cursor[:-2], cursor + "AA"):
            with pytest.raises(InvalidRequest):
                await records.list(cursor=bad)
        with pytest.raises(InvalidRequest):
            await records.list("k", cursor=cursor)
        with pytest.raises(InvalidRequest):
            await catalog.records("t").list(cursor=cursor)
        with pytest.raises(InvalidRequest):
            await records.list(limit=0)

    async def test_what_a_caller_does_to_its_copy_does_not_reach_the_store(
        self, catalog: Catalog
    ) -> None:
        records, value = catalog.records("s"), {"list": [1]}
        await records.put("k", value)
        value["list"].append(2)
        record = await records.get("k")
        assert record is not None
        record.value["list"].append(3)
        again = await records.get("k")
        assert again is not None
        assert again.value == {"list": [1]}

    @pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": b"bytes"}, {"x": "\ud800"}])
    async def test_a_value_without_a_json_form_is_refused(
        self, catalog: Catalog, value: Mapping[str, Any]
    ) -> None:
        with pytest.raises(InvalidRequest):
            await catalog.records("s").put("k", value)
        assert await catalog.records("s").get("k") is None

    async def test_keys_and_values_have_limits(self, catalog: Catalog) -> None:
        records = catalog.records("s")
        for key in ("", "\ud800", "a\x00b"):
            with pytest.raises(InvalidRequest):
                await records.put(key, {})
            assert await records.get(key) is None
            await records.delete(key)
        with pytest.raises(LimitExceeded):
            await records.put("é" * 513, {})
        with pytest.raises(LimitExceeded):
            await records.put("k", {"x": "é" * 131_072})
        await records.put("k", {"x": "é" * 131_000})
        with pytest.raises(InvalidRequest):
            await records.put("l", {}, expires_at=datetime.now(UTC).replace(tzinfo=None))
        assert [record.key for record in await _all(records)] == ["k"]


async def _all(records: Records, *, prefix: str = "", limit: int = 100) -> list[Record]:
    found: list[Record] = []
    page, cursor = await records.list(prefix, limit=limit)
    found += page
    while cursor is not None:
        page, cursor = await records.list(prefix, limit=limit, cursor=cursor)
        found += page
    return found
