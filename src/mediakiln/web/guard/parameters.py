"""Query parameters that no route knows: refused, since a misspelt one would do nothing."""

from difflib import get_close_matches
from typing import Final

from fastapi import Request
from fastapi.dependencies.models import Dependant

from mediakiln.model.errors import InvalidRequest
from mediakiln.web.tus import protocol as tus
from mediakiln.web.upload import notifications

_OURS: Final = "/v1/"
_OF_OTHERS: Final = (tus.ROOT, notifications.PATH)
"""Addresses to which programs of others add what they want."""
_MOST_CHARS: Final = 80


async def check(request: Request) -> None:
    """Refuse a request of ours with a query parameter that its route does not take.

    Raises:
        InvalidRequest: names the parameter, and those there are.
    """
    path = request.scope["path"]
    if not request.scope["query_string"] or not path.startswith(_OURS):
        return
    if path.startswith(_OF_OTHERS):
        return
    known = sorted(_names(request.scope["route"].dependant))
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise InvalidRequest(
                f"there is no parameter {name[:_MOST_CHARS]!r} here",
                field=name[:_MOST_CHARS],
                allowed=known,
                hint=f"did you mean {near[0]}?" if near else None,
            )


def _names(dependant: Dependant) -> set[str]:
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(_names, dependant.dependencies))
