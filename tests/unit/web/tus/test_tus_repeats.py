"""Creations with an Idempotency-Key: one upload, also where a server died before it answered."""

from mediakiln.ports.catalog import Record, Records
from support.site import Site, a_text
from support.tus import STREAM, TusClient, described
from support.waiting import eventually

DATA = a_text(3000)
KEY = {"Idempotency-Key": "one"}
HEADERS = {"Upload-Length": "3000", "Upload-Metadata": described(filename="a.txt"), **KEY}


async def test_a_creation_again_names_the_same_upload(tus: TusClient) -> None:
    first = await tus.request("POST", headers=HEADERS)
    again = await tus.request("POST", headers=HEADERS)
    assert (again.status_code, again.headers["location"]) == (201, first.headers["location"])
    other = await tus.request("POST", headers={**HEADERS, "Upload-Length": "3001"})
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_creation_with_bytes_again_makes_no_second_asset(
    tus: TusClient, site: Site
) -> None:
    first = await tus.request("POST", headers={**HEADERS, **STREAM}, content=DATA)
    again = await tus.request("POST", headers={**HEADERS, **STREAM}, content=DATA)
    assert again.headers["upload-offset"] == "3000"
    assert again.headers["mediakiln-asset"] == first.headers["mediakiln-asset"]
    assert await site.kept() == 2


async def kept(records: Records) -> Record:
    """The one request whose answer is kept, which is done after it was sent."""

    async def there() -> bool:
        found, _ = await records.list()
        return [("status" in record.value) for record in found] == [True]

    await eventually(there)
    return (await records.list())[0][0]


async def test_what_a_dead_server_left_is_found(tus: TusClient, site: Site) -> None:
    records = site.world.catalog.records("idempotency")
    for headers, content in ((HEADERS, b""), ({**HEADERS, **STREAM}, DATA)):
        key = {"Idempotency-Key": f"key-{len(content)}"}
        first = await tus.request("POST", headers={**headers, **key}, content=content)
        found = await kept(records)
        # As it was before the answer: the request had its id, and its lease is over.
        value = {name: found.value[name] for name in ("fingerprint", "id")}
        value["until"] = "2020-01-01T00:00:00+00:00"
        await records.put(found.key, value, expected=found.version)
        again = await tus.request("POST", headers={**headers, **key}, content=content)
        assert again.headers["location"] == first.headers["location"]
        await records.delete(found.key)
    assert await site.kept() == 2
