"""The multipart contract: how uploads begin, and how they end."""

import asyncio
from dataclasses import replace

import httpx2
import pytest

from mediakiln.model.errors import InvalidPart, InvalidRequest, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Multipart, Part, PresignedParts
from mediakiln.ports.object_store import ObjectInfo, ObjectStore
from mediakiln.testing.multipart_tools import (
    KEY,
    assert_gone,
    begun,
    cut,
    listed_parts,
    unit,
    write,
    written,
)
from mediakiln.testing.object_store_tools import (
    BAD_KEYS,
    ODD_KEYS,
    assert_absent,
    keys_of,
    pattern,
)


class CompletingTests:
    """Objects out of parts."""

    knows_offsets = True
    """Whether the engine keeps where parts begin, and so notices gaps."""

    async def test_one_byte_is_enough_for_an_object(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        part = await write(parts, upload, 1, b"x")
        await parts.complete(Bucket.INPUT, KEY, upload, [part])
        assert await store.get(Bucket.INPUT, KEY) == b"x"
        assert await keys_of(store) == [KEY]

    async def test_without_parts_there_is_no_object(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        for _ in range(2):
            with pytest.raises(InvalidPart):
                await parts.complete(Bucket.INPUT, KEY, upload, [])
        await assert_absent(store, KEY)
        assert await listed_parts(parts, upload) == []

    async def test_what_is_refused_leaves_the_upload_as_it_was(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        pieces = cut(parts, 3)
        one, two, three = made = await written(parts, upload, pieces)
        wrong: list[list[Part]] = [
            [one, two, three, Part(4, 5, three.etag)],
            [one, two, replace(three, etag=one.etag)],
            [replace(one, etag=""), two, three],
            [one, three, two],
            [one, two, two, three],
            [two, one],
        ]
        for given in wrong:
            with pytest.raises(InvalidPart):
                await parts.complete(Bucket.INPUT, KEY, upload, given)
            await assert_absent(store, KEY)
            assert await listed_parts(parts, upload) == made
        await parts.complete(Bucket.INPUT, KEY, upload, made)
        assert await store.get(Bucket.INPUT, KEY) == b"".join(pieces)

    async def test_a_part_that_is_too_small_is_refused_unless_it_is_the_last(
        self, parts: Multipart
    ) -> None:
        small = parts.part_rules.min_bytes - 1
        if not small:
            pytest.skip("every size is allowed")
        upload = await begun(parts)
        made = await written(parts, upload, [pattern(unit(parts)), pattern(small), b"x"])
        with pytest.raises(InvalidPart):
            await parts.complete(Bucket.INPUT, KEY, upload, made)
        info = await parts.complete(Bucket.INPUT, KEY, upload, made[:2])
        assert info.size == unit(parts) + small

    async def test_numbers_may_have_gaps_and_bytes_may_not(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        data = pattern(unit(parts))
        late = await write(parts, upload, 9, b"end", offset=len(data))
        early = await write(parts, upload, 4, data)
        if self.knows_offsets:
            with pytest.raises(InvalidPart):
                await parts.complete(Bucket.INPUT, KEY, upload, [late])
        await parts.complete(Bucket.INPUT, KEY, upload, [early, late])
        assert await store.get(Bucket.INPUT, KEY) == data + b"end"

    async def test_parts_that_are_not_named_are_thrown_away(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        pieces = cut(parts, 4, last=2_000_000)
        made = await written(parts, upload, pieces)
        info = await parts.complete(Bucket.INPUT, KEY, upload, made[:2])
        assert info.size == 2 * unit(parts)
        assert await store.get(Bucket.INPUT, KEY) == b"".join(pieces[:2])
        assert await keys_of(store) == [KEY]

    async def test_completing_again_gives_the_same_answer(
        self, store: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        made = await written(parts, upload, cut(parts, 2))
        info = await parts.complete(Bucket.INPUT, KEY, upload, made)
        for door in (parts, second_parts):
            assert await door.complete(Bucket.INPUT, KEY, upload, made) == info
        assert await store.head(Bucket.INPUT, KEY) == info

    async def test_calls_that_complete_at_once_give_one_object(
        self, store: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        pieces = cut(parts, 3)
        made = await written(parts, upload, pieces)
        came = await asyncio.gather(
            *(
                (parts, second_parts)[turn % 2].complete(Bucket.INPUT, KEY, upload, made)
                for turn in range(4)
            )
        )
        found = await store.head(Bucket.INPUT, KEY)
        assert isinstance(found, ObjectInfo)
        assert came == [found] * 4
        assert await store.get(Bucket.INPUT, KEY) == b"".join(pieces)
        assert await keys_of(store) == [KEY]

    async def test_an_object_that_has_the_key_is_replaced(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        await store.put(Bucket.INPUT, KEY, b"old")
        upload = await begun(parts)
        part = await write(parts, upload, 1, b"new")
        assert await store.get(Bucket.INPUT, KEY) == b"old"
        info = await parts.complete(Bucket.INPUT, KEY, upload, [part])
        assert await store.get(Bucket.INPUT, KEY) == b"new"
        assert await store.head(Bucket.INPUT, KEY) == info

    async def test_uploads_of_one_key_do_not_meet(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        first, second = await begun(parts), await begun(parts)
        assert first != second
        one = await write(parts, first, 1, b"first!")
        two = await write(parts, second, 1, b"second")
        assert await listed_parts(parts, first) == [one]
        await parts.complete(Bucket.INPUT, KEY, second, [two])
        assert await store.get(Bucket.INPUT, KEY) == b"second"
        assert await listed_parts(parts, first) == [one]
        await parts.complete(Bucket.INPUT, KEY, first, [one])
        assert await store.get(Bucket.INPUT, KEY) == b"first!"

    async def test_an_aborted_upload_is_gone(
        self, store: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        made = await written(parts, upload, cut(parts, 2))
        await second_parts.abort(Bucket.INPUT, KEY, upload)
        await assert_gone(parts, upload)
        with pytest.raises(NotFound):
            await parts.complete(Bucket.INPUT, KEY, upload, made)
        await parts.abort(Bucket.INPUT, KEY, upload)
        await assert_absent(store, KEY)
        assert await keys_of(store) == []

    async def test_aborting_what_was_completed_leaves_the_object(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        upload = await begun(parts)
        part = await write(parts, upload, 1, b"kept")
        await parts.complete(Bucket.INPUT, KEY, upload, [part])
        await parts.abort(Bucket.INPUT, KEY, upload)
        assert await store.get(Bucket.INPUT, KEY) == b"kept"

    @pytest.mark.parametrize("token", ["", "x", "../..", "0" * 32, "no.such", "0" * 32 + ".x"])
    async def test_a_token_that_was_not_given_is_no_upload(
        self, store: ObjectStore, parts: Multipart, token: str
    ) -> None:
        await store.put(Bucket.INPUT, "kept", b"kept")
        await assert_gone(parts, token)
        with pytest.raises(NotFound):
            await parts.complete(Bucket.INPUT, KEY, token, [Part(1, 1, "ab" * 32)])
        await parts.abort(Bucket.INPUT, KEY, token)
        assert await keys_of(store) == ["kept"]

    async def test_an_upload_belongs_to_its_key(self, parts: Multipart) -> None:
        upload = await begun(parts)
        part = await write(parts, upload, 1, b"x")
        await assert_gone(parts, upload, key=f"{KEY}-other")
        await parts.abort(Bucket.INPUT, f"{KEY}-other", upload)
        assert await listed_parts(parts, upload) == [part]

    @pytest.mark.parametrize("key", ODD_KEYS)
    async def test_odd_names_are_kept_as_they_are(
        self, store: ObjectStore, parts: Multipart, key: str
    ) -> None:
        upload = await begun(parts, key)
        part = await write(parts, upload, 1, key.encode(), key=key)
        assert await listed_parts(parts, upload, key) == [part]
        info = await parts.complete(Bucket.INPUT, key, upload, [part])
        assert info.key == key
        assert await store.get(Bucket.INPUT, key) == key.encode()
        assert await keys_of(store) == [key]

    @pytest.mark.parametrize("key", BAD_KEYS)
    async def test_a_key_that_no_engine_takes_begins_no_upload(
        self, store: ObjectStore, parts: Multipart, key: str
    ) -> None:
        with pytest.raises(InvalidRequest):
            await parts.begin(Bucket.INPUT, key)
        assert await keys_of(store) == []

    async def test_an_open_upload_survives_the_start_of_others(
        self, store: ObjectStore, second: ObjectStore, parts: Multipart, second_parts: Multipart
    ) -> None:
        upload = await begun(parts)
        made = await written(parts, upload, cut(parts, 2))
        await store.ensure()
        await second.ensure()
        assert await listed_parts(second_parts, upload) == made
        await second_parts.complete(Bucket.INPUT, KEY, upload, made)
        assert await keys_of(store) == [KEY]

    async def test_a_client_sends_parts_straight_to_the_store(
        self, store: ObjectStore, parts: Multipart
    ) -> None:
        if not isinstance(store, PresignedParts):
            pytest.skip("the engine has no addresses for parts")
        upload = await begun(parts)
        pieces = cut(parts, 2)
        async with httpx2.AsyncClient() as client:
            for number, piece in enumerate(pieces, start=1):
                address = await store.presign_part(Bucket.INPUT, KEY, upload, number, expires_s=60)
                answer = await client.put(address, content=piece)
                assert answer.status_code == httpx2.codes.OK
                made = await listed_parts(parts, upload)
                assert answer.headers["etag"].strip('"') == made[-1].etag
        await parts.complete(Bucket.INPUT, KEY, upload, made)
        assert await store.get(Bucket.INPUT, KEY) == b"".join(pieces)
