"""The doors of images: which grammar answers which addresses, as a bare ASGI application."""

import logging
from collections.abc import Sequence
from typing import Final

from starlette.types import Receive, Scope, Send

from mediakiln.model.errors import EngineError, MediakilnError, Overloaded
from mediakiln.web.derive.call import Admit, Call, ImageDoor
from mediakiln.web.derive.images import Images
from mediakiln.web.errors import problem, problem_of

log = logging.getLogger(__name__)

_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_AWAY: Final = "The image cannot be had at the moment; the server's log says why."


class ImageDoors:
    """Every grammar, by its prefix. It stands beside the framework, as downloads do."""

    def __init__(self, images: Images, doors: Sequence[ImageDoor]) -> None:
        self._images = images
        self._doors = tuple(doors)
        self._prefixes = tuple(door.prefix for door in doors)

    def serves(self, path: str) -> bool:
        """Whether an address is one of an image."""
        return path.startswith(self._prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, admit: Admit) -> None:
        """Answer the request for an address that `serves` knows. Errors are answered here."""
        call = Call(scope, receive, send, admit)
        door = next(each for each in self._doors if scope["path"].startswith(each.prefix))
        if call.method not in door.methods:
            methods = ", ".join(sorted(door.methods))
            refusal = problem(
                405,
                "method_not_allowed",
                f"This address allows {methods}.",
                headers={"Allow": methods, **door.refusal_headers},
            )
            await refusal(scope, receive, send)
            return
        try:
            if call.method == "OPTIONS" or not await self._images.again(call):
                await door(call)
        except Overloaded as error:
            # No line in the log for each: overload is not to cost more than it must.
            headers = {**_NOT_KEPT, **door.refusal_headers}
            refusal = problem(
                503, error.code, error.message, context=error.context, headers=headers
            )
            await refusal(scope, receive, send)
        except EngineError as error:
            # Anybody may ask here, and where engines are is not for everybody to know.
            told = {"code": error.code}
            log.error("%s: %s", error.code, error, extra=told)  # noqa: TRY400 - the cause is known
            headers = {**_NOT_KEPT, **door.refusal_headers}
            await problem(503, error.code, _AWAY, headers=headers)(scope, receive, send)
        except MediakilnError as error:
            answer = problem_of(error)
            answer.headers.update(door.refusal_headers)
            answer.headers.setdefault("Cache-Control", "no-store")
            await answer(scope, receive, send)
