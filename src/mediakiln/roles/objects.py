"""What stores tell by HTTP of the objects in their buckets goes to the topic `objects`."""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from mediakiln.adapters.fetcher.http import HttpFetcher
from mediakiln.adapters.object_store import notifications
from mediakiln.model.drops import dropped_id
from mediakiln.model.errors import Forbidden, InvalidRequest, UnreadableMessage
from mediakiln.model.keys import parse_input_key
from mediakiln.model.messages import ObjectCreated
from mediakiln.ports.broker import Broker
from mediakiln.ports.fetcher import Fetcher
from mediakiln.roles.engines import Engines
from mediakiln.roles.settings import Settings

log = logging.getLogger(__name__)

_SNS: Final = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?")
_CONFIRMED_BYTES: Final = 64 * 1024
_NEVER: Final = datetime.fromtimestamp(0, UTC)


class ObjectNews:
    """Takes the notifications of S3, MinIO, EventBridge, SNS, Event Grid and Pub/Sub.

    Who sends them is known by its key: the door asks for one. Subscriptions of SNS are confirmed
    only for the topics given, and only at Amazon's own hosts.
    """

    def __init__(self, broker: Broker, fetcher: Fetcher, *, topics: tuple[str, ...]) -> None:
        self._broker = broker
        self._fetcher = fetcher
        self._topics = frozenset(topics)

    async def __call__(self, body: bytes) -> Mapping[str, Any]:
        """Publish what a notification tells; once this returns, nothing of it can be lost.

        Returns:
            The answer's JSON.

        Raises:
            InvalidRequest: it is no notification that is known.
            Forbidden: it is of an SNS topic that no setting names.
        """
        greeting = notifications.greeting(body)
        if greeting is not None:
            return await self._greet(greeting)
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

    async def _greet(self, greeting: notifications.Greeting) -> Mapping[str, Any]:
        if greeting.address is None:
            return {"validationResponse": greeting.code}
        if greeting.topic not in self._topics:
            raise Forbidden(
                f"subscriptions of {str(greeting.topic)[:256]!r} are not confirmed",
                hint="name the topic in MEDIAKILN_NOTIFICATION_TOPICS",
            )
        address = urlsplit(greeting.address)
        if address.scheme != "https" or not _SNS.fullmatch(address.netloc):
            raise InvalidRequest("SubscribeURL is not at an SNS host of Amazon's")
        async with self._fetcher.open(greeting.address, max_bytes=_CONFIRMED_BYTES) as answer:
            async for _ in answer.chunks:  # to its end, so that it is known to be whole
                pass
        log.info("a subscription of %s is confirmed", greeting.topic)
        return {"confirmed": greeting.topic}


def object_news(settings: Settings, engines: Engines) -> ObjectNews:
    """The receiver of notifications, by the settings."""
    fetcher = HttpFetcher()
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
