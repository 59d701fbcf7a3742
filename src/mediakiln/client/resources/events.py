"""What happens to a project's assets, as it happens."""

import json
from collections.abc import Iterable
from typing import Any

import httpx2

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource
from mediakiln.client.blocking import Resource
from mediakiln.client.call import Stream, given
from mediakiln.client.models import AssetEvent


def listen(
    *,
    states: Iterable[str] = (),
    kinds: Iterable[str] = (),
    assets: Iterable[str] = (),
    after: str = "",
) -> Stream[AssetEvent]:
    """Every change of an asset's state from now on, without end.

    After a broken connection it goes on where it was: an event may come twice, and of an
    asset that changed several times meanwhile only the last state is told.

    Args:
        states: only these.
        kinds: only these.
        assets: only those with these ids.
        after: the `event` that was heard last, to begin behind it.
    """
    params = given(state=list(states) or None, kind=list(kinds) or None, asset=list(assets) or None)
    return Stream("/v1/events", _read, params=params, after=after)


def _read(event: httpx2.ServerSentEvent) -> AssetEvent:
    data: dict[str, Any] = json.loads(event.data)
    return AssetEvent.model_validate(data | {"event": event.id})


class Events(Resource):
    """The project's events."""

    listen = blocking.heard(listen)


class AsyncEvents(AsyncResource):
    """The project's events."""

    listen = awaiting.heard(listen)
