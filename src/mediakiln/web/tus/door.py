"""The tus door, as a bare ASGI application (https://tus.io/protocols/resumable-upload, 1.0.0).

An upload that is complete is an asset of the same id, whose address the answers carry as
`Mediakiln-Asset`.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mediakiln.model import access
from mediakiln.model.access import Principal
from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest, MediakilnError, NotFound
from mediakiln.model.ids import is_id
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.stages.uploads.tus import Patch, TusState
from mediakiln.telemetry import metrics
from mediakiln.web.access import allowed, constrained, continued
from mediakiln.web.errors import problem
from mediakiln.web.guard.repeats import NEW_ID
from mediakiln.web.services import Services
from mediakiln.web.tus.bodies import ticking_body
from mediakiln.web.tus.fields import Concat, Fields
from mediakiln.web.tus.offers import offered
from mediakiln.web.tus.protocol import CONTENT_TYPE, METHODS, ROOT, VERSION, Pairs, about
from mediakiln.web.urls import asset_url, base_url

Answer = tuple[int, Pairs]
"""Status and headers: no answer of the protocol has a body."""
_Method = Callable[[Principal, str, Scope, Receive], Awaitable[Answer]]


class TusDoor:
    """Answers what `is_tus` says is for it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._uploads = services.tus
        self._answers: Mapping[str, _Method] = {
            "HEAD": self._look,
            "POST": self._create,
            "PATCH": self._append,
            "DELETE": self._terminate,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3).

        Raises:
            MediakilnError: the request is refused; nothing was sent.
        """
        if scope["method"] == "OPTIONS":
            return await _answer(send, 204, about(self._uploads.limits.max_bytes))
        principal = allowed(scope, access.Scope.UPLOAD)
        id = unquote(scope["path"].removeprefix(ROOT)).strip("/")
        refusal = _refusal(scope, known={"HEAD", "PATCH", "DELETE"} if id else {"POST"})
        if refusal is not None:
            return await refusal(scope, receive, send)
        if id and not is_id(id):
            raise NotFound(f"there is no upload {id[:64]!r}")
        if id:
            await continued(scope, self._services, id)
        try:
            answer = await self._answers[scope["method"]](principal, id, scope, receive)
        except MediakilnError as error:
            if scope["method"] in {"POST", "PATCH"}:
                metrics.UPLOADS.labels(error.code).inc()
            raise
        return await _answer(send, *answer)

    async def _look(self, principal: Principal, id: str, scope: Scope, _: Receive) -> Answer:
        upload, asset = await self._uploads.look(principal.project, id)
        return 200, self._state(scope, upload, asset)

    async def _terminate(self, principal: Principal, id: str, _: Scope, __: Receive) -> Answer:
        await self._uploads.terminate(principal.project, id)
        return 204, []

    async def _create(self, principal: Principal, _: str, scope: Scope, receive: Receive) -> Answer:
        fields = Fields(Headers(scope=scope))
        concat = fields.concat()
        raw, metadata = fields.metadata()
        again = await self._again(principal, scope)
        if again is not None:
            return again
        if concat is not None and not concat.partial:
            return await self._concatenate(principal, concat, scope)
        length, checksum = fields.new_length(), fields.checksum()
        offer = self._constrained(principal, metadata, length)
        upload = await self._uploads.create(
            offer,
            metadata=raw,
            partial=concat is not None,
            by=principal.id,
            id=scope.get(NEW_ID),
        )
        if not _has_body(scope):
            return 201, self._created(scope, upload, None)
        patch = Patch(offset=0, announced=fields.content_length(), checksum=checksum)
        try:
            upload, asset = await self._write(upload.project, upload.id, patch, receive)
        except BaseException:
            # Nobody has heard of the upload, so nobody can go on with it.
            with suppress(MediakilnError):
                await self._uploads.terminate(upload.project, upload.id)
            raise
        return 201, [*self._created(scope, upload, asset), _offset(upload)]

    async def _concatenate(self, principal: Principal, concat: Concat, scope: Scope) -> Answer:
        fields = Fields(Headers(scope=scope))
        if fields.number("Upload-Length") is not None:
            raise InvalidRequest(
                "a final upload has the length of its partial ones", field="Upload-Length"
            )
        if _has_body(scope):
            raise InvalidRequest("a final upload takes no bytes", field="Upload-Concat")
        raw, metadata = fields.metadata()
        partials = await self._uploads.partials(
            principal.project, concat.ids, sees=principal.may_continue
        )
        offer = self._constrained(principal, metadata, sum(each.offset for each in partials))
        upload, asset = await self._uploads.concatenate(
            offer,
            partials,
            concat=concat.said,
            metadata=raw,
            by=principal.id,
            id=scope.get(NEW_ID),
        )
        return 201, [*self._created(scope, upload, asset), _offset(upload)]

    async def _again(self, principal: Principal, scope: Scope) -> Answer | None:
        """The upload that a creation of the same Idempotency-Key made before its server died.

        One that was to come with its bytes and has not all of them begins anew.
        """
        id = scope.get(NEW_ID)
        if id is None:
            return None
        try:
            upload, asset = await self._uploads.look(principal.project, id)
            goes_on = not _has_body(scope) and not TusState.of(upload).final
            if upload.state is UploadState.DONE or goes_on:
                return 201, [*self._created(scope, upload, asset), _offset(upload)]
            await self._uploads.terminate(principal.project, id)
        except NotFound:
            return None
        return None

    async def _append(
        self, principal: Principal, id: str, scope: Scope, receive: Receive
    ) -> Answer:
        fields = Fields(Headers(scope=scope))
        patch = Patch(
            offset=fields.offset(),
            announced=fields.content_length(),
            length=fields.number("Upload-Length"),
            checksum=fields.checksum(),
        )
        upload, asset = await self._write(principal.project, id, patch, receive)
        return 204, [_offset(upload), *_expiry(upload), *self._asset(scope, asset)]

    async def _write(
        self, project: str, id: str, patch: Patch, receive: Receive
    ) -> tuple[Upload, Asset | None]:
        async with aclosing(ticking_body(receive, self._uploads.limits.idle_s)) as chunks:
            return await self._uploads.append(project, id, patch, chunks)

    def _constrained(
        self, principal: Principal, metadata: Mapping[str, bytes], size: int | None
    ) -> Offer:
        recipes = self._services.recipes
        return constrained(principal, offered(metadata, size, recipes), recipes)

    def _state(self, scope: Scope, upload: Upload, asset: Asset | None) -> Pairs:
        """What HEAD answers."""
        state = TusState.of(upload)
        pairs = self._asset(scope, asset)
        if not state.final or upload.state is UploadState.DONE:
            pairs.append(_offset(upload))
        if upload.size is None:
            pairs.append((b"upload-defer-length", b"1"))
        else:
            pairs.append((b"upload-length", b"%d" % upload.size))
        if state.metadata:
            pairs.append((b"upload-metadata", state.metadata.encode("latin-1")))
        if state.concat:
            pairs.append((b"upload-concat", state.concat.encode("latin-1")))
        return pairs + _expiry(upload)

    def _created(self, scope: Scope, upload: Upload, asset: Asset | None) -> Pairs:
        location = f"{base_url(scope, self._services)}{ROOT}/{upload.id}"
        return [
            (b"location", location.encode("latin-1")),
            *_expiry(upload),
            *self._asset(scope, asset),
        ]

    def _asset(self, scope: Scope, asset: Asset | None) -> Pairs:
        if asset is None:
            return []
        url = asset_url(base_url(scope, self._services), asset.id)
        return [(b"mediakiln-asset", url.encode("latin-1"))]


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_offset_stream(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def _offset(upload: Upload) -> tuple[bytes, bytes]:
    return b"upload-offset", b"%d" % upload.offset


def _expiry(upload: Upload) -> Pairs:
    """Until when an unfinished upload is kept."""
    if upload.state is UploadState.DONE and not TusState.of(upload).partial:
        return []
    return [(b"upload-expires", format_datetime(upload.expires_at, usegmt=True).encode())]


async def _answer(send: Send, status: int, pairs: Pairs) -> None:
    if status != HTTPStatus.NO_CONTENT:
        pairs = [*pairs, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": b""})


def _refusal(scope: Scope, known: set[str]) -> Response | None:
    """What is wrong with a request whatever upload it is about."""
    headers, method = Headers(scope=scope), scope["method"]
    if headers.get("tus-resumable") != VERSION:
        return problem(
            412,
            "precondition_failed",
            f"This server speaks tus {VERSION}; send it as Tus-Resumable.",
            context={"field": "Tus-Resumable", "allowed": [VERSION]},
            headers={"Tus-Version": VERSION},
        )
    if method not in known:
        allow = ", ".join(name for name in METHODS if name in {*known, "OPTIONS"})
        sent = {"Allow": allow}
        return problem(405, "method_not_allowed", f"This address allows {allow}.", headers=sent)
    if (method == "PATCH" or _has_body(scope)) and not _is_offset_stream(headers):
        return problem(
            415,
            "unsupported_media_type",
            f"The bytes of an upload are sent as {CONTENT_TYPE}.",
            context={"field": "Content-Type", "allowed": [CONTENT_TYPE]},
        )
    return None
