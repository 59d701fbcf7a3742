"""Settings that fail only later if nobody looks, and a round trip through each engine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from mediakiln.model.errors import MediakilnError
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.topology import topology
from mediakiln.roles import parts
from mediakiln.roles.checkup.findings import Finding, fails, good
from mediakiln.roles.engines import (
    open_broker,
    open_catalog,
    open_detector,
    open_notifiers,
    open_store,
)
from mediakiln.roles.settings import Settings, without_password

_ENGINE_S = 30


class _Engine(Protocol):
    async def close(self) -> None: ...


E = TypeVar("E", bound=_Engine)


@asynccontextmanager
async def _closing(engine: E) -> AsyncIterator[E]:
    try:
        yield engine
    finally:
        await engine.close()


async def configuration(settings: Settings) -> list[Finding]:
    """Every check of what is configured."""
    return [*_configuration(settings), *await _engines(settings)]


def _configuration(settings: Settings) -> Iterator[Finding]:
    """Settings that only fail later if nobody looks: recipes, commands, targets, detector."""
    checks: list[tuple[str, Callable[[], object], str]] = [
        ("settings", settings.check, "change the setting"),
        ("commands", lambda: parts.commands(settings), "mend the file MEDIAKILN_COMMANDS names"),
        ("recipes", lambda: parts.recipe_book(settings), "mend the file that it names"),
        ("notify", lambda: open_notifiers(settings), "mend MEDIAKILN_NOTIFY"),
        ("detector", lambda: open_detector(settings), "set MEDIAKILN_DETECTOR=signature"),
    ]
    for name, check, remedy in checks:
        try:
            check()
        except MediakilnError as error:
            yield fails(name, error, remedy)
        else:
            yield good(name, "valid")


async def _engines(settings: Settings) -> list[Finding]:
    """A round trip through each configured engine, which also tries out what it may do there."""
    trips = (
        ("store", settings.store_url, _store),
        ("broker", settings.broker_url, _broker),
        ("catalog", settings.catalog_url, _catalog),
    )
    return [await _engine(settings, name, url, trip) for name, url, trip in trips]


async def _engine(
    settings: Settings, name: str, url: str, trip: Callable[[Settings], Awaitable[str]]
) -> Finding:
    shown, variable = without_password(url), f"MEDIAKILN_{name.upper()}"
    remedy = f"check {variable} and that the engine runs"
    try:
        async with asyncio.timeout(_ENGINE_S):
            return good(name, f"{shown}: {await trip(settings)}")
    except MediakilnError as error:
        return fails(name, error, remedy, prefix=f"{shown}: ")
    except TimeoutError:
        return fails(name, f"{shown}: no answer in {_ENGINE_S} s", remedy)


async def _store(settings: Settings) -> str:
    settings.make_data()
    async with _closing(open_store(settings)) as store:
        await store.ensure()
        key = f"doctor/{new_id()}"
        for bucket in Bucket:
            await store.put(bucket, key, b"doctor", if_absent=True)
            await store.get(bucket, key)
            await store.delete(bucket, [key])
    return "written, read and deleted in each bucket"


async def _broker(settings: Settings) -> str:
    async with _closing(open_broker(settings)) as broker:
        await broker.ensure(topology(settings.changes))
        backlog = await broker.backlog("received", "classify")
    return f"{backlog.ready + backlog.leased} messages wait for classify"


async def _catalog(settings: Settings) -> str:
    async with _closing(open_catalog(settings)) as catalog:
        await catalog.ensure()
        space, key = catalog.records("doctor"), new_id()
        version = await space.put(key, {"checked": True})
        await space.delete(key, expected=version)
    return "written, read and deleted"
