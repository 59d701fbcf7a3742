"""The broker of one machine: a SQLite file that any number of processes share.

Publishing and acking are on the disk when they return (WAL, synchronous=FULL, group commit).
Consumers that wait are woken through a doorbell beside the file; see `doorbell`. Leases and delays
are kept in wall-clock time: it alone has a meaning for every process and after a restart.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import unquote, urlsplit

from mediakiln.adapters.broker import sqlite_claim as claims
from mediakiln.adapters.broker import sqlite_queue as rules
from mediakiln.adapters.broker.checks import (
    check_delay,
    check_lease,
    check_messages,
    check_receive,
)
from mediakiln.adapters.broker.sqlite_claim import Claim
from mediakiln.adapters.broker.sqlite_queue import Lease, Transaction
from mediakiln.adapters.broker.sqlite_session import Session
from mediakiln.adapters.broker.sqlite_writer import Work
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, LeaseLost
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Message
from mediakiln.ports.broker import Backlog, BrokerCapabilities

T = TypeVar("T")

CAPABILITIES = BrokerCapabilities(
    shared=True, durable=True, counts_attempts=True, oldest_age=True, fair_shares=True
)


class SqliteBroker:
    """A `Broker` in a SQLite file, built by `from_url("sqlite:////folder/broker.db")`.

    Nothing is opened before it is used, and a child process that inherits a broker by fork opens
    the file anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session: Session | None = None
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A broker in the file that the URL names: `sqlite:////absolute` or `sqlite:///relative`.

        Raises:
            EngineMisconfigured: the URL names no file.
        """
        parts = urlsplit(url)
        name = unquote(parts.path)[1:]
        if parts.scheme != "sqlite" or parts.netloc or name in {"", ":memory:"}:
            raise EngineMisconfigured(
                f"{url!r} names no file for the broker",
                value=url,
                hint="use sqlite:////absolute/path/broker.db, or memory:// within one process",
            )
        return cls(Path(name).absolute())

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Everything, on one machine."""
        return CAPABILITIES

    async def ensure(self, topology: Mapping[str, Sequence[str]]) -> None:
        """Make the file, its schema, and topics and groups that are not there yet."""
        await self.do(Work(lambda tx: rules.ensure(tx, topology)))

    async def publish(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        group: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Publish to every group of the topic, or to one; on return all of it is on the disk.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: the delay is out of range.
            LimitExceeded: a message is larger than 64 KiB; none was published.
            StorageFull: no space left; none was published.
        """
        check_delay(delay)
        check_messages(messages)
        await self.do(Work(lambda tx: rules.publish(tx, topic, group, messages, delay)))

    async def receive(
        self, topic: str, group: str, *, limit: int, wait: float, lease: float
    ) -> Sequence["SqliteDelivery"]:
        """Lease up to `limit` messages, waiting up to `wait` seconds for the first.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: limit, wait or lease is out of range.
        """
        check_receive(limit, wait, lease)
        deadline = time.monotonic() + wait
        session = self._opened()
        number = await self._group_id(topic, group)
        with session.watch.waiting(number) as bell:
            while True:
                bell.silence()
                claim = await self._look(session, number, limit, lease, patient=wait > 0)
                left = deadline - time.monotonic()
                if claim.leases or left <= 0:
                    return [SqliteDelivery(self, topic, group, held) for held in claim.leases]
                due = left if claim.due is None else claim.due - time.time()
                await bell.wait(max(0.0, min(left, due)))

    async def backlog(self, topic: str, group: str) -> Backlog:
        """What waits for the group, exactly; the age is since the oldest became ready.

        Raises:
            NotFound: no such topic, or no such group.
        """
        reader = self._opened().reader
        return await asyncio.to_thread(
            reader.read, lambda c: claims.backlog(c, rules.group_id(c, topic, group))
        )

    async def close(self) -> None:
        """Finish what was asked for and let go of the file; leases lapse by themselves."""
        self._closed = True
        session, self._session = self._session, None
        if session is None:
            return
        if session.pid == os.getpid():
            await asyncio.to_thread(session.close)
        else:
            session.abandon()

    async def do(self, work: Work[T]) -> T:
        """Have the writer commit one operation.

        Raises:
            EngineUnavailable: the broker was closed, or its file cannot be used.
        """
        return await self._opened().writer.do(work)

    def _opened(self) -> Session:
        if self._closed:
            raise EngineUnavailable("this broker was closed")
        if self._session is not None and self._session.pid != os.getpid():
            self._session.abandon()
            self._session = None
        if self._session is None:
            self._session = Session(self._path)
        return self._session

    async def _group_id(self, topic: str, group: str) -> int:
        session = self._opened()
        number = session.group_ids.get((topic, group))
        if number is None:
            number = await asyncio.to_thread(
                session.reader.read, lambda c: rules.group_id(c, topic, group)
            )
            session.group_ids[topic, group] = number
        return number

    async def _look(
        self, session: Session, number: int, limit: int, lease: float, *, patient: bool
    ) -> Claim:
        """A claim; one that can wait for its bell is spared where the last one found nothing."""
        mark = session.watch.mark(number)
        if patient and (quiet := session.quiet(number, mark)):
            return quiet
        claim = await self._claim(number, limit, lease)
        if not claim.leases:
            session.found_quiet(number, mark, claim)
        return claim

    async def _claim(self, number: int, limit: int, lease: float) -> Claim:
        session = self._opened()

        def give_back(claim: Claim) -> None:
            with suppress(EngineUnavailable):  # closed meanwhile: the leases lapse
                session.writer.submit(Work(lambda tx: _give_back(tx, claim), durable=False))

        return await session.writer.do(
            Work(
                run=lambda tx: claims.claim(tx, number, limit, lease, session.turns),
                glance=lambda connection: claims.glance(connection, number),
                undo=give_back,
                durable=False,
            )
        )


def _give_back(tx: Transaction, claim: Claim) -> None:
    for lease in claim.leases:
        with suppress(LeaseLost):
            rules.give_back(tx, lease)


class SqliteDelivery:
    """A leased message of the SQLite broker."""

    def __init__(self, broker: SqliteBroker, topic: str, group: str, lease: Lease) -> None:
        self._broker = broker
        self._topic = topic
        self._group = group
        self._lease = lease

    @property
    def message(self) -> Message:
        """What was published."""
        return self._lease.message

    @property
    def attempt(self) -> int:
        """How often it was delivered to this group, this time included."""
        return self._lease.attempt

    async def ack(self) -> None:
        """End it.

        Raises:
            LeaseLost: the lease lapsed or was ended.
        """
        await self._broker.do(Work(lambda tx: rules.ack(tx, self._lease)))

    async def retry(self, delay: float = 0.0) -> None:
        """Give it back, to be seen after at least `delay` seconds.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            InvalidRequest: the delay is out of range.
        """
        check_delay(delay)
        await self._broker.do(Work(lambda tx: rules.retry(tx, self._lease, delay)))

    async def extend(self, seconds: float) -> None:
        """Keep the lease for `seconds` from now.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            InvalidRequest: not a positive number of seconds.
        """
        check_lease(seconds)
        extension = Work(lambda tx: rules.extend(tx, self._lease, seconds), durable=False)
        await self._broker.do(extension)

    async def bury(self, reason: str) -> None:
        """Publish it as a `DeadLetter` and end it, in one transaction.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            NotFound: the topology has no topic for dead letters; the lease goes on.
        """
        letter = DeadLetter.of(
            self.message,
            id=new_id(),
            topic=self._topic,
            group=self._group,
            reason=reason,
            attempts=self.attempt,
            at=datetime.now(UTC),
        ).to_message()
        await self._broker.do(Work(lambda tx: rules.bury(tx, self._lease, letter)))
