"""Settings that fail only later if nobody looks, and a round trip through each engine."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from mediakiln.model.errors import AlreadyExists, EngineMisconfigured, MediakilnError
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.messages import Message
from mediakiln.model.topology import DOCTOR, topology
from mediakiln.ports.broker import Broker
from mediakiln.ports.object_store import ObjectStore
from mediakiln.roles import parts
from mediakiln.roles.checkup.findings import Finding, fails, good
from mediakiln.roles.checkup.recognisers import load_models, recognisers
from mediakiln.roles.engines import (
    open_broker,
    open_catalog,
    open_detector,
    open_notifiers,
    open_store,
)
from mediakiln.roles.presets import check_presets
from mediakiln.roles.settings import Settings, without_password

_ENGINE_S = 30
_TRIP_S = 15
"""A new member of a Kafka group gets its first message after some seconds; a group that a killed
doctor has not left yet keeps it longer than we wait."""


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
    return [*unconnected(settings), *await recognisers(settings), *await _engines(settings)]


def unconnected(settings: Settings) -> Iterator[Finding]:
    """Settings that only fail later if nobody looks: recipes, presets, targets, detector.

    No engine is asked.
    """
    checks: list[tuple[str, Callable[[], object], str]] = [
        ("settings", settings.check, "change the setting"),
        ("commands", lambda: parts.commands(settings), "mend the file MEDIAKILN_COMMANDS names"),
        ("models", lambda: load_models(settings), "mend what MEDIAKILN_LABEL_MODELS names"),
        ("credentials", lambda: parts.credentials(settings), "mend the file that it names"),
        ("recipes", lambda: parts.recipe_book(settings), "mend the file that it names"),
        ("presets", lambda: check_presets(settings), "mend the preset"),
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
            await _stays(store, bucket, key)
            await store.get(bucket, key)
            await store.copy((bucket, key), (Bucket.ARCHIVE, f"{key}.copy"))
            found = [item.key async for item in store.list(bucket, key)]
            await store.delete(bucket, found)
        await store.delete(Bucket.ARCHIVE, [f"{key}.copy"])
    return "written, read, listed, copied and deleted in each bucket"


async def _stays(store: ObjectStore, bucket: Bucket, key: str) -> None:
    """Of two that put a key if absent, one must win: two manifests would be two results."""
    try:
        await store.put(bucket, key, b"other", if_absent=True)
    except AlreadyExists:
        return
    raise EngineMisconfigured(
        f"MEDIAKILN_STORE: the {bucket} bucket overwrote an object that was to be absent",
        hint="the server must honour If-None-Match on puts",
    )


async def _broker(settings: Settings) -> str:
    async with _closing(open_broker(settings)) as broker:
        await broker.ensure(topology(settings.changes))
        sent = Message(id=new_id(), key=DOCTOR, body=b"doctor")
        await broker.publish(DOCTOR, [sent])
        came = await _receive(broker, sent.id)
        backlog = await broker.backlog("received", "classify")
    trip = "sent and received" if came else "sent; another doctor has received it, or will"
    return f"{trip}; {backlog.ready + backlog.leased} messages wait for classify"


async def _receive(broker: Broker, id: str) -> bool:
    """Whether the message came, in time; earlier doctors' messages are cleared away."""
    deadline = time.monotonic() + _TRIP_S
    while (left := deadline - time.monotonic()) > 0:
        found = await broker.receive(DOCTOR, DOCTOR, limit=10, wait=min(left, 5.0), lease=30)
        for delivery in found:
            await delivery.ack()
        if any(delivery.message.id == id for delivery in found):
            return True
    return False


async def _catalog(settings: Settings) -> str:
    async with _closing(open_catalog(settings)) as catalog:
        await catalog.ensure()
        space, key = catalog.records("doctor"), new_id()
        version = await space.put(key, {"checked": True})
        await space.delete(key, expected=version)
    return "written, read and deleted"
