"""What the Cassandra catalog's fault tests run in processes of their own.

python cassandra_child.py (ensure | write) URL
"""

import asyncio
import sys

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.model.errors import EngineUnavailable
from mediakiln.testing.catalog_samples import an_asset, an_event, changed


async def ensure(catalog: CassandraCatalog) -> None:
    """Wait for the starting signal, make the schema, write one record."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await catalog.ensure()
    await catalog.create(an_asset())


async def write(catalog: CassandraCatalog) -> None:
    """Write for ever, saying what was acknowledged and what was refused."""

    async def writer() -> None:
        while True:
            asset = an_asset(metadata={"filler": "x" * 2000})
            try:
                written = await catalog.create(asset, [an_event(asset), an_event(asset)])
                print(asset.id, 1, flush=True)
                await catalog.update(changed(written), expected=1, events=[an_event(asset)])
                print(asset.id, 2, flush=True)
            except EngineUnavailable:
                print("unavailable", flush=True)
                await asyncio.sleep(0.2)

    await asyncio.gather(*(writer() for _ in range(8)))


async def main() -> None:
    catalog = CassandraCatalog.from_url(sys.argv[2])
    await {"ensure": ensure, "write": write}[sys.argv[1]](catalog)
    await catalog.close()


if __name__ == "__main__":
    asyncio.run(main())
