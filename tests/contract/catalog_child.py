"""What the SQLite catalog's fault tests run in processes of their own.

python catalog_child.py (migrate | write | fill) DATABASE
"""

import asyncio
import sys
from pathlib import Path

from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.model.errors import StorageFull
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed


async def migrate(catalog: SqliteCatalog) -> None:
    """Wait for the starting signal, make the schema, write one record."""
    print("ready", flush=True)
    sys.stdin.readline()
    await catalog.ensure()
    await catalog.create(an_asset())


async def write(catalog: SqliteCatalog) -> None:
    """Write for ever, saying which writes were acknowledged; ends by being killed."""

    async def writer() -> None:
        while True:
            asset = an_asset(metadata={"filler": "x" * 2000})
            written = await catalog.create(asset, [an_event(asset), an_event(asset)])
            print(asset.id, 1, flush=True)
            await catalog.update(changed(written), expected=1, events=[an_event(asset)])
            print(asset.id, 2, flush=True)

    await asyncio.gather(*(writer() for _ in range(8)))


async def fill(catalog: SqliteCatalog) -> None:
    """Write until the disk is full, then make room and go on."""
    folder = Path(sys.argv[2]).parent
    reserve = folder / "reserve"
    reserve.write_bytes(bytes(512 * 1024))
    await catalog.ensure()
    acknowledged: list[str] = []
    try:
        while True:
            asset = an_asset(metadata={"filler": "x" * 20_000})
            await catalog.create(asset, [an_event(asset)])
            acknowledged.append(asset.id)
    except StorageFull as error:
        assert error.retryable  # noqa: PT017 - the failure is what ends the loop
    refused = asset
    assert len(await catalog.get_many(acknowledged)) == len(acknowledged) > 0
    assert await catalog.get(refused.id) is None
    reserve.unlink()
    await catalog.create(refused, [an_event(refused)])
    assert len(await all_pending(catalog)) == len(acknowledged) + 1
    print("recovered", len(acknowledged), flush=True)


async def main() -> None:
    catalog = SqliteCatalog.from_url(f"sqlite:///{sys.argv[2]}")
    await {"migrate": migrate, "write": write, "fill": fill}[sys.argv[1]](catalog)
    await catalog.close()


if __name__ == "__main__":
    asyncio.run(main())
