"""Answers that are kept to be given again, in records of a size that every catalog takes."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message

from mediakiln.model.errors import AnswerNotKept
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Catalog

SPACE: Final = "idempotency-answers"
MAX_KEPT_BYTES: Final = 1024 * 1024
"""Of an answer's body. That of a form with a hundred files has a tenth of it."""
PIECE_BYTES: Final = 40 * 1024
"""Of a body in one record, where it is Base64: below 64 KiB with all that stands beside it."""
_LONGER: Final = timedelta(hours=1)
"""Pieces outlive the record that names them, so that it never names one that is gone."""
_TOLD: Final = ("content-type", "location", "upload-offset", "upload-expires", "mediakiln-asset")


class Answer:
    """What is seen of an answer on its way. Of a secret one only what was made is kept."""

    def __init__(self, *, secret: bool = False) -> None:
        self.secret = secret
        self.status = 0
        self.size = 0
        """Bytes of the body so far."""
        self.headers: list[tuple[str, str]] = []
        self._body: bytearray | None = bytearray()
        self.ended = False

    def see(self, message: Message) -> None:
        """Note one message to the server (ASGI 3)."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = Headers(raw=message["headers"])
            self.headers = [(name, headers[name]) for name in _TOLD if name in headers]
            return
        piece = message.get("body", b"")
        self.size += len(piece)
        if self._body is not None:
            self._body += piece
            if self.size > MAX_KEPT_BYTES:
                self._body = None
        self.ended = not message.get("more_body", False)

    @property
    def body(self) -> bytes | None:
        """The body; None if it is too large to be kept, or broke off."""
        return bytes(self._body) if self.ended and self._body is not None else None

    @property
    def made(self) -> str | None:
        """The id of what was made, where the answer is JSON that tells it."""
        try:
            told = json.loads(self.body or b"null")
        except ValueError:
            return None
        return str(told["id"]) if isinstance(told, dict) and "id" in told else None


class Answers:
    """Keeps answers for the records of the requests that they belong to."""

    def __init__(self, catalog: Catalog) -> None:
        self._pieces = catalog.records(SPACE)

    async def keep(self, answer: Answer, *, expires_at: datetime) -> dict[str, Any]:
        """Keep an answer; what the request's record must hold to find it again."""
        body = answer.body
        kept: dict[str, Any] = {
            "status": answer.status,
            "headers": [list(pair) for pair in answer.headers],
            "size": answer.size,
        }
        if answer.secret:
            return kept | {"made": answer.made}
        if body is None:
            return kept
        if len(body) <= PIECE_BYTES:
            return kept | {"body": _text(body)}
        id = new_id()
        starts = range(0, len(body), PIECE_BYTES)
        for number, start in enumerate(starts):
            await self._pieces.put(
                _key(id, number),
                {"body": _text(body[start : start + PIECE_BYTES])},
                expires_at=expires_at + _LONGER,
            )
        return kept | {"pieces": id, "count": len(starts)}

    async def again(self, kept: Mapping[str, Any]) -> Response:
        """The answer that a request's record tells of.

        Raises:
            AnswerNotKept: it was too large, or broke off, or held a secret.
        """
        if "made" in kept:
            raise AnswerNotKept(
                "the request was done; its answer held a secret, which is told once",
                made=kept["made"],
                hint="end what it made if nobody heard of it, and make another under a new key",
            )
        headers: dict[str, str] = dict(kept["headers"])
        body = await self._body(kept)
        if body is None:
            raise AnswerNotKept(
                f"the request was done; its answer of {kept['size']} bytes was not kept",
                limit=MAX_KEPT_BYTES,
                value=kept["size"],
                location=headers.get("location"),
                hint="look at what it made by GET; under a new key it would be done once more",
            )
        replayed = {"Idempotency-Replayed": "true"}
        return Response(body, kept["status"], headers=headers | replayed)

    async def _body(self, kept: Mapping[str, Any]) -> bytes | None:
        if "pieces" not in kept:
            return base64.b64decode(kept["body"]) if "body" in kept else None
        whole = bytearray()
        for number in range(kept["count"]):
            piece = await self._pieces.get(_key(kept["pieces"], number))
            if piece is None:
                return None
            whole += base64.b64decode(piece.value["body"])
        return bytes(whole)


def _key(id: str, number: int) -> str:
    return f"{id}/{number:03d}"


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()
