"""The one table of engines: which class serves which URL."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from mediakiln.model.errors import EngineMisconfigured, InvalidRequest, NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.model.topology import TOPOLOGY, topology
from mediakiln.ports.broker import Broker
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.detector import Detector
from mediakiln.ports.fetcher import Place
from mediakiln.ports.notifier import Notifier
from mediakiln.ports.object_store import Lifecycle, LifecycleRules, ObjectStore
from mediakiln.ports.recogniser import Recogniser
from mediakiln.roles.settings import Settings, without_password

_ADAPTERS = "mediakiln.adapters"

STORES = {
    "memory": "memory:MemoryObjectStore",
    "file": "local:LocalObjectStore",
    "s3": "cloud:S3ObjectStore",
    "gs": "cloud:GcsObjectStore",
    "az": "cloud:AzureObjectStore",
}
BROKERS = {
    "memory": "memory:MemoryBroker",
    "sqlite": "sqlite:SqliteBroker",
    "kafka": "kafka:KafkaBroker",
    "sqs": "sqs:SqsBroker",
}
CATALOGS = {
    "memory": "memory:MemoryCatalog",
    "sqlite": "sqlite:SqliteCatalog",
    "postgresql": "postgres:PostgresCatalog",
    "dynamodb": "dynamodb:DynamoCatalog",
    "cassandra": "cassandra:CassandraCatalog",
}
EXTRAS = {
    "s3": "s3",
    "kafka": "kafka",
    "sqs": "sqs",
    "postgresql": "postgres",
    "dynamodb": "dynamodb",
    "cassandra": "cassandra",
    "rekognition": "rekognition",
}
"""What is to be installed beside mediakiln for an engine: its extra, by scheme."""
NOTIFIERS = {"log": "log:LogNotifier", "http": "webhook:WebhookNotifier"}
PLACES = {
    "s3": "bucket:BucketPlace",
    "gs": "bucket:BucketPlace",
    "az": "bucket:BucketPlace",
    "file": "folder:FolderPlace",
}
RECOGNISERS = {"rekognition": "rekognition:RekognitionRecogniser"}
DETECTORS = {"signature": "signature:SignatureDetector", "magika": "magika:MagikaDetector"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The three engines every role shares."""

    store: ObjectStore
    broker: Broker
    catalog: Catalog
    topology: Mapping[str, Sequence[str]] = field(default_factory=lambda: TOPOLOGY)
    before_close: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What must come to its end while the engines are still open."""

    async def ensure(self) -> None:
        """Make buckets, topics and schema; safe to run again, and in parallel."""
        await asyncio.gather(
            self.store.ensure(), self.broker.ensure(self.topology), self.catalog.ensure()
        )

    async def close(self) -> None:
        """Let go of everything."""
        for finish in self.before_close:
            await finish()
        await asyncio.gather(self.store.close(), self.broker.close(), self.catalog.close())


def open_engines(settings: Settings, *, shared: bool = True) -> Engines:
    """The engines that the settings name.

    With `shared`, engines that other processes cannot see are refused: work would be lost
    between processes.

    Raises:
        EngineMisconfigured: an unknown or unsuitable URL; names the setting and the remedy.
    """
    if shared:
        for name in ("store_url", "broker_url", "catalog_url"):
            if getattr(settings, name).startswith("memory:"):
                raise EngineMisconfigured(
                    f"MEDIAKILN_{name.removesuffix('_url').upper()} is memory://, which other "
                    "processes cannot see",
                    hint="use memory:// only with `mediakiln process`",
                )
    settings.make_data()
    return Engines(
        store=open_store(settings),
        broker=open_broker(settings),
        catalog=open_catalog(settings),
        topology=topology(settings.changes),
    )


def open_store(settings: Settings) -> ObjectStore:
    """The object store that the settings name."""
    return cast("ObjectStore", _open("object_store", STORES, settings.store_url, "STORE"))


def open_broker(settings: Settings) -> Broker:
    """The broker that the settings name."""
    return cast("Broker", _open("broker", BROKERS, settings.broker_url, "BROKER"))


def open_catalog(settings: Settings) -> Catalog:
    """The catalog that the settings name."""
    return cast("Catalog", _open("catalog", CATALOGS, settings.catalog_url, "CATALOG"))


async def prepare(settings: Settings) -> dict[str, tuple[str, str]]:
    """Make what each engine needs; its URL and what is there now, by engine.

    Raises:
        EngineMisconfigured, EngineUnavailable: of the first engine that cannot be used.
    """
    engines = open_engines(settings)
    try:
        await engines.ensure()
    finally:
        await engines.close()
    groups = sum(len(each) for each in engines.topology.values())
    said = {
        "store": (settings.store_url, f"buckets: {', '.join(Bucket)}"),
        "broker": (settings.broker_url, f"{len(engines.topology)} topics, {groups} groups"),
        "catalog": (settings.catalog_url, "schema as of this release"),
    }
    return {name: (without_password(url), what) for name, (url, what) in said.items()}


async def write_lifecycle(
    settings: Settings, *, abandoned_days: int, cold_days: int | None, cold_class: str
) -> LifecycleRules:
    """Have the store clear up by itself; the rules as they are now.

    Raises:
        NotSupported: the store has no such rules.
        InvalidRequest: they contradict one another.
    """
    if (cold_days is None) != (not cold_class):
        raise InvalidRequest("give both --cold-days and --cold-class, or neither")
    rules = LifecycleRules(
        archive_days=settings.archive_days,
        abandoned_days=abandoned_days,
        cold_days=cold_days,
        cold_class=cold_class,
    )
    store = open_store(settings)
    try:
        if not isinstance(store, Lifecycle):
            raise NotSupported(
                "this store has no rules of its own: role `reconcile` clears it up",
                hint="nothing needs to be done",
            )
        await store.apply_rules(rules)
    finally:
        await store.close()
    return rules


def open_detector(settings: Settings) -> Detector:
    """The detector that the settings name; one a process, since a model may be large."""
    return _detector(settings.detector)


@cache
def _detector(name: str) -> Detector:
    signatures = cast("Detector", _load("detector", DETECTORS["signature"])())
    if name == "signature":
        return signatures
    return cast("Detector", _load("detector", DETECTORS[name])(signatures))


def open_notifiers(settings: Settings) -> list[Notifier]:
    """A notifier for each configured target."""
    return [
        open_notifier(settings, hook.url, hook.secret.get_secret_value() if hook.secret else None)
        for hook in settings.notify
    ]


def open_notifier(settings: Settings, url: str, secret: str | None) -> Notifier:
    """A notifier for one target.

    Raises:
        EngineMisconfigured: the URL or the secret is not valid.
    """
    scheme = url.partition(":")[0].replace("https", "http")
    if scheme not in NOTIFIERS:
        raise EngineMisconfigured(
            f"MEDIAKILN_NOTIFY: no notifier for {scheme}://", hint="use https:// or log://"
        )
    options: dict[str, Any] = {}
    if scheme == "http":
        options = {"secret": secret, "allow_private": settings.notify_private}
    return cast("Notifier", _load("notifier", NOTIFIERS[scheme]).from_url(url, **options))


def open_webhook(settings: Settings, url: str, secret: str) -> Notifier:
    """A notifier for a target that a project has added: a webhook, and nothing else.

    Raises:
        EngineMisconfigured: the URL is none to post to.
    """
    if not url.startswith(("https://", "http://")):
        raise EngineMisconfigured("a webhook's URL begins with https://")
    return open_notifier(settings, url, secret)


def open_places(settings: Settings) -> dict[str, Place]:
    """The places that imports may read, by the operator's names."""
    return {
        name: open_place(url.get_secret_value(), f"IMPORT_SOURCES: {name}")
        for name, url in settings.import_sources.items()
    }


def open_place(url: str, setting: str) -> Place:
    """A bucket or folder that is only read; `setting` says who named it.

    Raises:
        EngineMisconfigured: the URL is not valid.
    """
    try:
        return cast("Place", _open("fetcher", PLACES, url, setting))
    except EngineMisconfigured as error:
        if setting in error.message:
            raise
        raise EngineMisconfigured(
            f"MEDIAKILN_{setting}: {error.message}", **error.context
        ) from error


def open_recogniser(url: str, setting: str) -> Recogniser:
    """A service that says what images show; `setting` says who named it."""
    return cast("Recogniser", _open("recogniser", RECOGNISERS, url, setting))


def read_table(path: Path | None, setting: str) -> Mapping[str, Any]:
    """A JSON object from a file that a setting names; empty without one.

    Raises:
        EngineMisconfigured: there is no such file, or it holds something else.
    """
    if path is None:
        return {}
    try:
        table = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EngineMisconfigured(f"MEDIAKILN_{setting}: {path}: {error}") from error
    if not isinstance(table, dict):
        raise EngineMisconfigured(f"MEDIAKILN_{setting}: {path} holds no JSON object")
    return table


def _open(port: str, table: Mapping[str, str], url: str, setting: str) -> object:
    scheme = url.partition(":")[0]
    if scheme not in table:
        known = ", ".join(f"{name}://" for name in table)
        raise EngineMisconfigured(
            f"MEDIAKILN_{setting} is {without_password(url)!r}; known are {known}",
            hint=f"use one of {known}",
        )
    try:
        engine = _load(port, table[scheme])
    except ModuleNotFoundError as error:
        if scheme not in EXTRAS or str(error.name).startswith("mediakiln"):
            raise
        raise EngineMisconfigured(
            f"MEDIAKILN_{setting} is {scheme}://, which needs {error.name}; it is not installed",
            hint=f"pip install 'mediakiln[{EXTRAS[scheme]}]'",
        ) from error
    return engine.from_url(url)


def _load(port: str, place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"{_ADAPTERS}.{port}.{module}"), name)
