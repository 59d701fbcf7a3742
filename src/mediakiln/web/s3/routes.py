"""Where the S3 front is, and what it does with a request.

It signs in its clients itself, by their signatures: no other key opens it. An endpoint is
`http://host:port/s3`; buckets are in the path.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mediakiln.model.access import OWNER, Principal
from mediakiln.model.errors import MediakilnError
from mediakiln.model.keys import Bucket
from mediakiln.web.access import PRINCIPAL, REQUEST
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.s3.copying import SOURCE, Copying
from mediakiln.web.s3.errors import S3Error, answer
from mediakiln.web.s3.reading import BUCKETS, Reading
from mediakiln.web.s3.request import S3Request
from mediakiln.web.s3.sigv4 import Verified, claimed, verify
from mediakiln.web.s3.writing import Writing
from mediakiln.web.services import Services

ROOT: Final = "/s3"

_Handler = Callable[[S3Request], Awaitable[Response]]


def router(services: Services) -> APIRouter:
    """The front, as routes that every method reaches."""
    routes = APIRouter()
    front = S3Front(services)
    for path in (ROOT, ROOT + "/{rest:path}"):
        routes.add_route(path, front, include_in_schema=False)  # type: ignore[arg-type] # an ASGI application
    return routes


class S3Front:
    """The application (ASGI 3)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reading = Reading(services, Downloads(services.deliver, public=False))
        self._writing = Writing(services)
        self._copying = Copying(services, self._writing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            request = await self._identified(scope, receive)
            response = await self._answered(request, send)
        except (S3Error, MediakilnError) as error:
            response = answer(error, resource=scope["path"], request=scope.get(REQUEST, ""))
            if scope["method"] == "HEAD":
                response.body = b""
        if response is not None:
            await response(scope, receive, send)

    async def _identified(self, scope: Scope, receive: Receive) -> S3Request:
        bucket, key = _named(scope)
        principal, verified = await self._verified(scope)
        scope[PRINCIPAL] = principal
        await self._services.rates.count(principal)
        if scope["method"] in {"PUT", "POST"}:
            await self._services.access.usage.check(principal)
        return S3Request(scope, receive, principal, verified, bucket, key)

    async def _verified(self, scope: Scope) -> tuple[Principal, Verified | None]:
        if self._services.owner_key is None:
            return OWNER, None
        claim = claimed(scope)
        if claim is None:
            raise S3Error("AccessDenied", "Requests are signed by AWS Signature Version 4.")
        found = await self._services.access.s3.secret(claim.access_key)
        if found is None:
            raise S3Error("InvalidAccessKeyId", "There is no such access key.")
        secret, principal = found
        return principal, verify(scope, claim, secret, now=datetime.now(UTC))

    async def _answered(self, request: S3Request, send: Send) -> Response | None:
        """The answer; None if it is sent already."""
        method = request.scope["method"]
        if not request.bucket:
            if method != "GET":
                raise _method(method)
            return self._reading.buckets(request)
        if request.bucket not in BUCKETS:
            raise S3Error("NoSuchBucket", f"There are the buckets {' and '.join(BUCKETS)}.")
        if not request.key:
            return await self._of_bucket(request, method)
        if method == "GET" and "tagging" in request.query:
            return await self._reading.tags(request)
        _is_the_object(request)
        if method in {"GET", "HEAD"} and "uploadId" not in request.query:
            await self._reading.object(request, send)
            return None
        return await self._handler(request, method)(request)

    async def _of_bucket(self, request: S3Request, method: str) -> Response:
        if method == "HEAD":
            self._reading.about(request)
            return Response()
        if method == "GET" and "uploads" in request.query:
            return await self._writing.uploads(request)
        if method == "GET":
            return self._reading.about(request) or await self._reading.objects(request)
        if method == "PUT":
            raise S3Error("BucketAlreadyOwnedByYou", "The bucket is there already.")
        if method == "POST" and "delete" in request.query:
            _writable(request)
            return await self._writing.delete_many(request)
        raise _method(method)

    def _handler(self, request: S3Request, method: str) -> _Handler:
        _writable(request)
        query, writing = request.query, self._writing
        several = "uploadId" in query
        putting = self._copying if SOURCE in request.headers else writing
        found: dict[str, _Handler | None] = {
            "GET": writing.parts if several else None,
            "PUT": putting.part if several else putting.put,
            "POST": writing.complete if several else writing.begin if "uploads" in query else None,
            "DELETE": writing.abort if several else writing.delete,
        }
        handler = found.get(method)
        if handler is None:
            raise _method(method)
        return handler


def _named(scope: Scope) -> tuple[str, str]:
    """The bucket and the key that an address names."""
    raw = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    path = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
    bucket, _, key = path.removeprefix(ROOT).lstrip("/").partition("/")
    return bucket, key


def _is_the_object(request: S3Request) -> None:
    """Refuse what is about an object's tags, lock, versions: else those would be its bytes.

    Such a request names what it is about by a parameter without a value.
    """
    for name, value in request.query.items():
        about = name == "versionId" and value != "null"
        if about or (not value and name != "uploads"):
            raise S3Error("NotImplemented", f"This service has no {name[:40]} of objects.")


def _writable(request: S3Request) -> None:
    if request.bucket != Bucket.INPUT:
        raise S3Error("AccessDenied", "What recipes made is read here, and not written.")


def _method(method: str) -> S3Error:
    return S3Error("MethodNotAllowed", f"{method} is not allowed here.")
