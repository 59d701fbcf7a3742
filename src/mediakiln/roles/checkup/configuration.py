"""Settings that fail only later if nobody looks, and a round trip through each engine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from mediakiln.model.errors import MediakilnError
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.topology import TOPOLOGY
from mediakiln.roles import parts
from mediakiln.roles.checkup.findings import Finding, fails, good
from mediakiln.roles.engines import Engines, open_detector, open_engines, open_notifiers
from mediakiln.roles.settings import Settings


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
    """A round trip through each configured engine."""
    try:
        engines = open_engines(settings)
    except MediakilnError as error:
        return [fails("engines", error, "mend the engine's URL")]
    try:
        return [
            await _engine("store", settings.store_url, lambda: _store(engines)),
            await _engine("broker", settings.broker_url, lambda: _broker(engines)),
            await _engine("catalog", settings.catalog_url, lambda: _catalog(engines)),
        ]
    finally:
        await engines.close()


async def _engine(name: str, url: str, check: Callable[[], Awaitable[str]]) -> Finding:
    remedy = f"check MEDIAKILN_{name.upper()} and that the engine runs"
    try:
        async with asyncio.timeout(20):
            return good(name, f"{url}: {await check()}")
    except MediakilnError as error:
        return fails(name, f"{url}: {error}", remedy)
    except TimeoutError:
        return fails(name, f"{url}: no answer in 20 s", remedy)


async def _store(engines: Engines) -> str:
    await engines.store.ensure()
    key = f"doctor/{new_id()}"
    await engines.store.put(Bucket.INPUT, key, b"doctor", if_absent=True)
    await engines.store.get(Bucket.INPUT, key)
    await engines.store.delete(Bucket.INPUT, [key])
    return "written, read and deleted"


async def _broker(engines: Engines) -> str:
    await engines.broker.ensure(TOPOLOGY)
    backlog = await engines.broker.backlog("received", "classify")
    return f"{backlog.ready + backlog.leased} messages wait for classify"


async def _catalog(engines: Engines) -> str:
    await engines.catalog.ensure()
    space, key = engines.catalog.records("doctor"), new_id()
    version = await space.put(key, {"checked": True})
    await space.delete(key, expected=version)
    return "written, read and deleted"
