"""A pipeline whose every step is in the test's hands: memory engines, a clock, a message pump."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.adapters.notifier.webhook import WebhookNotifier
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.asset import Asset
from mediakiln.model.drops import Drop
from mediakiln.model.errors import MediakilnError
from mediakiln.model.messages import Message
from mediakiln.model.topology import TOPOLOGY
from mediakiln.model.upload import Offer
from mediakiln.ports.broker import Delivery
from mediakiln.ports.object_store import ObjectStore
from mediakiln.ports.operation import OperationSet
from mediakiln.ports.runner import Report, Room, RunnerCapabilities, Work
from mediakiln.roles.receive import Intake
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.stages.access.usage import Usage
from mediakiln.stages.classify import Classify
from mediakiln.stages.deadletters import DeadLetters
from mediakiln.stages.deliver import Deliver
from mediakiln.stages.join import Join
from mediakiln.stages.ledger import Ledger
from mediakiln.stages.manage import Manage
from mediakiln.stages.notify import Deliveries, Hooks
from mediakiln.stages.process import Process
from mediakiln.stages.process.claims import Claims
from mediakiln.stages.process.commit import Commits
from mediakiln.stages.process.originals import Originals
from mediakiln.stages.process.scratch import Scratch
from mediakiln.stages.process.tasks import TaskMaker
from mediakiln.stages.receive import Receive
from mediakiln.stages.recipes import RecipeBook
from mediakiln.stages.reconcile import Reconcile
from mediakiln.stages.relay import Relay
from mediakiln.stages.search import Index, Search
from mediakiln.stages.uploads.adoption import Adoption
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.direct import Direct
from mediakiln.stages.uploads.multipart import MultipartUploads
from mediakiln.testing.mock_operations import OPERATIONS

MOCKS = "mediakiln.testing.mock_operations:OPERATIONS"
TEXT = b"A plain text that a mock operation copies.\n"

Handler = Callable[[Message], Awaitable[None]]


class Ticking:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@cache
def _operations() -> OperationSet:
    """The installed ones and the mocks, looked up once."""
    return OperationSet([*OperationSet.installed(), *OPERATIONS])


@dataclass
class World:
    """Everything between an upload and its end; `pump` moves the messages."""

    tmp: Path
    runner: ForkRunner
    store: ObjectStore = field(default_factory=lambda: MemoryObjectStore.from_url("memory://"))
    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker.from_url("memory://"))
    catalog: MemoryCatalog = field(default_factory=lambda: MemoryCatalog.from_url("memory://"))
    clock: Ticking = field(default_factory=Ticking)
    lease_s: float = 60.0
    drops: Sequence[Drop] = ()

    def __post_init__(self) -> None:
        self.operations = _operations()
        self.recipes = RecipeBook(self.operations)
        self.ledger = Ledger(self.catalog, self.broker, clock=self.clock)
        self.detector = SignatureDetector()
        self.receive = Receive(
            self.store,
            self.ledger,
            self.detector,
            max_bytes=10_000_000,
            reserve_bytes=0,
            count=Usage(self.catalog, clock=self.clock).add,
            clock=self.clock,
        )
        self.adoption = Adoption(
            self.store,
            self.ledger,
            self.receive.enter,
            self.recipes.resolve,
            drops=self.drops,
            clock=self.clock,
        )
        self.deliveries = Deliveries(
            self.catalog,
            [],
            Hooks(
                self.catalog,
                lambda url, secret: WebhookNotifier.from_url(
                    url, secret=secret, allow_private=True
                ),
                failing=timedelta(days=5),
                clock=self.clock,
            ),
            clock=self.clock,
        )
        self.direct = Direct(
            self.store,
            UploadBook(self.catalog, clock=self.clock),
            self.receive.admit,
            self.adoption,
            life=timedelta(hours=1),
        )
        self.multipart = MultipartUploads(
            UploadBook(self.catalog, clock=self.clock),
            self.receive,
            self.store,
            self.catalog,
            expiry=timedelta(days=7),
            max_bytes=5 * 10**12,
        )
        self.index = Index(self.catalog, self.store)
        self.classify = Classify(
            self.store,
            self.ledger,
            self.detector,
            self.recipes,
            names=self.index,
            clock=self.clock,
        )
        self.search = Search(self.catalog)
        self.join = Join(self.ledger, index=self.index.index, clock=self.clock)
        self.manage = Manage(self.ledger, self.store, clock=self.clock)
        self.deliver = Deliver(self.catalog, self.store, fresh_s=0)
        self.dead = DeadLetters(self.catalog, self.broker)
        self.relay = Relay(self.catalog, self.broker, clock=self.clock)
        self.reconcile = Reconcile(self.ledger, self.store, clock=self.clock)
        self.process = self.worker("worker-1")

    def worker(self, owner: str) -> Process:
        """A worker of its own; all share the sandbox."""
        return Process(
            broker=self.broker,
            runner=self.runner,
            operations=self.operations,
            claims=Claims(self.ledger, owner=owner, lease_s=self.lease_s),
            commits=Commits(self.store, self.catalog, clock=self.clock),
            scratch=Scratch(self.tmp / "scratch", owner=owner),
            tasks=TaskMaker(self.store),
            originals=Originals(self.catalog, self.store),
        )

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every (topic, group) but `completed` and `dead`, which tests read themselves."""
        jobs = {(topic, "process"): self.process for topic in TOPOLOGY if topic.startswith("jobs.")}
        return {
            ("objects", "receive"): Intake(self.adoption),
            ("received", "classify"): self.classify,
            **jobs,
            ("stored", "join"): self.join.stored,
            ("finished", "join"): self.join.finished,
        }

    async def start(self) -> None:
        await self.store.ensure()
        await self.catalog.ensure()
        await self.broker.ensure(TOPOLOGY)

    async def upload(
        self, data: bytes = TEXT, *, name: str = "a.txt", recipe: Any = None, **offer: Any
    ) -> Asset:
        """Receive a file."""

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return await self.receive(
            Offer(name=name, recipe=self.recipes.resolve(recipe), **offer), chunks()
        )

    async def take(self, topic: str, group: str, *, limit: int = 100) -> Sequence[Delivery]:
        """Deliveries waiting right now."""
        return await self.broker.receive(topic, group, limit=limit, wait=0, lease=30)

    async def messages(self, topic: str, group: str) -> list[Message]:
        """Take and ack what waits."""
        found = await self.take(topic, group)
        for delivery in found:
            await delivery.ack()
        return [delivery.message for delivery in found]

    async def pump(self, *, chaos: random.Random | None = None, rounds: int = 100) -> None:
        """Handle messages until none waits.

        With `chaos`, topics are read in any order and every message may be handled twice.
        """
        for _ in range(rounds):
            handled = 0
            order = list(self.handlers.items())
            if chaos is not None:
                chaos.shuffle(order)
            for (topic, group), handler in order:
                for delivery in await self.take(topic, group):
                    handled += 1
                    await self._handle(handler, delivery, chaos)
            if not handled:
                return
        raise AssertionError("the pipeline does not come to rest")

    @staticmethod
    async def _handle(handler: Handler, delivery: Delivery, chaos: random.Random | None) -> None:
        twice = chaos is not None and chaos.random() < 0.4
        try:
            await handler(delivery.message)
            if twice:
                await handler(delivery.message)
        except MediakilnError as error:
            if not error.retryable:
                raise
            await delivery.retry(0)
            return
        await delivery.ack()

    async def asset(self, id: str) -> Asset:
        """The record as it is now."""
        found = await self.catalog.get(id)
        assert found is not None
        return found


class NoRunner:
    """A runner that must not be called."""

    capabilities = RunnerCapabilities(
        isolated_files=False, isolated_network=False, isolated_process=False
    )

    async def start(self) -> None:
        """Nothing to start."""

    def run(self, work: Work) -> AsyncIterator[Report]:
        raise AssertionError(f"nothing was to be run, but {work.tasks} was")

    def room(self, project: str) -> AbstractAsyncContextManager[Room]:
        raise AssertionError(f"nothing was to be run, but something of {project} was")

    async def close(self) -> None:
        """Nothing to close."""
