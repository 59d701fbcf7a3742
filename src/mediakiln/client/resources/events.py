"""What happens to a project's assets, as it happens."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import httpx2

from mediakiln.client.awaiting import AsyncResource
from mediakiln.client.blocking import Resource
from mediakiln.client.call import given
from mediakiln.client.models import AssetEvent

_PATH = "/v1/events"


class Events(Resource):
    """The project's events."""

    def listen(
        self,
        *,
        states: Iterable[str] = (),
        kinds: Iterable[str] = (),
        assets: Iterable[str] = (),
        after: str = "",
    ) -> Iterator[AssetEvent]:
        """Every change of an asset's state from now on, without end.

        After a broken connection it goes on where it was: an event may come twice, and of an
        asset that changed several times meanwhile only the last state is told.

        Args:
            states: only these.
            kinds: only these.
            assets: only those with these ids.
            after: the `event` that was heard last, to begin behind it.
        """
        for event in self._driver.events(_PATH, _wanted(states, kinds, assets), after):
            yield _read(event)


class AsyncEvents(AsyncResource):
    """The project's events."""

    async def listen(
        self,
        *,
        states: Iterable[str] = (),
        kinds: Iterable[str] = (),
        assets: Iterable[str] = (),
        after: str = "",
    ) -> AsyncIterator[AssetEvent]:
        """Every change of an asset's state from now on, without end.

        After a broken connection it goes on where it was: an event may come twice, and of an
        asset that changed several times meanwhile only the last state is told.

        Args:
            states: only these.
            kinds: only these.
            assets: only those with these ids.
            after: the `event` that was heard last, to begin behind it.
        """
        wanted = _wanted(states, kinds, assets)
        async with aclosing(self._driver.events(_PATH, wanted, after)) as events:
            async for event in events:
                yield _read(event)


def _wanted(
    states: Iterable[str], kinds: Iterable[str], assets: Iterable[str]
) -> dict[str, list[str]]:
    return given(state=list(states) or None, kind=list(kinds) or None, asset=list(assets) or None)


def _read(event: httpx2.ServerSentEvent) -> AssetEvent:
    data: dict[str, Any] = json.loads(event.data)
    return AssetEvent.model_validate(data | {"event": event.id})
