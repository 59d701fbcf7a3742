"""Schemas of their own for tests on a shared PostgreSQL server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from mediakiln.model.ids import new_id
from support.servers import server


@asynccontextmanager
async def administrator(url: str | None = None) -> AsyncIterator[Any]:
    """A connection that may do everything."""
    connection = await asyncpg.connect(url or server("POSTGRES", "postgres"))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def fresh_url(**options: object) -> AsyncIterator[str]:
    """The URL of a catalog in a schema nobody has used, which is dropped in the end."""
    base = server("POSTGRES", "postgres")
    schema = f"test_{new_id().replace('-', '')}"
    words = [f"{name}={value}" for name, value in {"schema": schema, "pool": 4, **options}.items()]
    yield f"{base}?{'&'.join(words)}"
    async with administrator() as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
