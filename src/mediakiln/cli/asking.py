"""Single requests to the running server, for commands that the client's library does not have."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

from mediakiln.cli.connection import Server, address, explained, key
from mediakiln.client.errors import api_error
from mediakiln.client.settings import Settings as Habits


def ask(
    server: Server,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer's JSON. What goes wrong ends the command with a line and an exit code."""
    settings = server.settings
    with explained(settings):
        return asked(
            address(settings),
            key(settings),
            method,
            path,
            project=settings.project,
            params=params,
            body=body,
        )


def asked(
    url: str,
    key: str | None,
    method: str,
    path: str,
    *,
    project: str | None = None,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The same of a server at an address.

    Raises:
        ApiError: the server refused.
        TransportError: it cannot be reached.
    """
    habits = Habits(url, key, project=project, retry=None, timeout=None, verify=None)
    given = {name: value for name, value in (params or {}).items() if value is not None}
    with httpx2.Client(**habits.arguments()) as http:
        response = http.request(method, path, params=given, json=body)
    if not response.is_success:
        raise api_error(response)
    answer: dict[str, Any] = response.json()
    return answer


def pages(
    server: Server, path: str, member: str, *, limit: int, **params: Any
) -> Iterator[dict[str, Any]]:
    """At most `limit` items of a list, page by page."""
    cursor: str | None = None
    while limit > 0:
        size = min(limit, 200)
        page = ask(server, "GET", path, params={**params, "limit": size, "cursor": cursor})
        yield from page[member]
        limit -= len(page[member])
        cursor = page["cursor"]
        if cursor is None:
            return
