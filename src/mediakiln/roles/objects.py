"""What stores tell by HTTP of the objects in their buckets goes to the topic `objects`."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mediakiln.adapters.fetcher.http import HttpFetcher, Pace
from mediakiln.adapters.object_store import notifications
from mediakiln.adapters.object_store.sns import (
    CONFIRMATION,
    Envelope,
    Signatures,
    envelope,
    is_amazons,
)
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.drops import dropped_id
from mediakiln.model.errors import Forbidden, InvalidRequest, Unauthorised, UnreadableMessage
from mediakiln.model.keys import parse_input_key
from mediakiln.model.messages import ObjectCreated
from mediakiln.ports.broker import Broker
from mediakiln.ports.fetcher import Fetcher
from mediakiln.roles.engines import Engines
from mediakiln.roles.settings import Settings

log = logging.getLogger(__name__)

_CONFIRMED_BYTES: Final = 64 * 1024
_NEVER: Final = datetime.fromtimestamp(0, UTC)
_PACE: Final = Pace(connect_s=5.0, answer_s=10.0, total_s=20.0)
_HINT: Final = "name the topic in MEDIAKILN_NOTIFICATION_TOPICS"


class ObjectNews:
    """Takes the notifications of S3, MinIO, EventBridge, SNS, Event Grid and Pub/Sub.

    Who sends them is known by a key, or, of SNS, by Amazon's signature, if it is of one of the
    topics given. Signatures are verified beside a key as well, and subscriptions confirmed only
    for those topics, by a message that is signed.

    Args:
        broker: where the news go.
        fetcher: fetches from Amazon; it must not follow redirects, which could lead elsewhere.
        topics: ARNs of SNS topics.
        clock: what time it is.
    """

    def __init__(
        self,
        broker: Broker,
        fetcher: Fetcher,
        *,
        topics: tuple[str, ...],
        clock: Clock = utc_now,
    ) -> None:
        self._broker = broker
        self._fetcher = fetcher
        self._topics = frozenset(topics)
        self._signatures = Signatures(fetcher, clock=clock)

    async def __call__(self, body: bytes, *, known: bool) -> Mapping[str, Any]:
        """Publish what a notification tells; once this returns, nothing of it can be lost.

        Args:
            body: the notification.
            known: whether its sender has shown a key.

        Returns:
            The answer's JSON.

        Raises:
            Unauthorised: it came without a key, and is no signed message of a topic given.
            InvalidRequest: it is no notification that is known.
            Forbidden: its signature is not right, or it asks to confirm the subscription of a
                topic that is not given.
            FetchFailed, FetchRefused: Amazon could not be asked; trying again may help.
        """
        message = envelope(body)
        if not known and (message is None or message.topic not in self._topics):
            raise Unauthorised(hint="send `Authorization: Bearer KEY`")
        if message is not None and message.kind == CONFIRMATION:
            return await self._confirm(message)
        if message is not None and (message.is_signed or not known):
            await self._signatures.verify(message)
        greeting = notifications.greeting(body)
        if greeting is not None:
            return {"validationResponse": greeting.code}
        try:
            found = notifications.parse(body)
        except UnreadableMessage as error:
            raise InvalidRequest(str(error), **error.context) from None
        events = {each.key: _event(each) for each in found}
        if events:
            await self._broker.publish(
                ObjectCreated.topic, [event.to_message() for event in events.values()]
            )
        return {"objects": len(events)}

    async def _confirm(self, message: Envelope) -> Mapping[str, Any]:
        if message.topic not in self._topics:
            raise Forbidden(
                f"subscriptions of {message.topic[:256]!r} are not confirmed", hint=_HINT
            )
        address = str(message.members.get("SubscribeURL"))
        if not is_amazons(address):
            raise InvalidRequest("SubscribeURL is not at an SNS host of Amazon's")
        await self._signatures.verify(message)
        async with self._fetcher.open(address, max_bytes=_CONFIRMED_BYTES) as answer:
            async for _ in answer.chunks:  # to its end, so that it is known to be whole
                pass
        log.info("a subscription of %s is confirmed", message.topic)
        return {"confirmed": message.topic}


def object_news(settings: Settings, engines: Engines) -> ObjectNews:
    """The receiver of notifications, by the settings."""
    fetcher = HttpFetcher(pace=_PACE, redirects=0)
    engines.before_close.append(fetcher.close)
    return ObjectNews(engines.broker, fetcher, topics=settings.notification_topics)


def _event(found: notifications.ObjectCreated) -> ObjectCreated:
    project, asset = parse_input_key(found.key) or ("default", "")
    return ObjectCreated(
        asset=asset or dropped_id(found.key, etag="", version="", modified=_NEVER),
        project=project,
        key=found.key,
        bytes=found.size or 0,
        etag=found.etag or None,
        version=found.version,
    )
