"""Downloads, as a bare ASGI application: a popular product costs no more than its bytes.

It stands beside the framework, not in it, because matching a route, resolving dependencies and
wrapping a response would cost more than everything done here.
"""

import re
from collections.abc import Iterable
from contextlib import aclosing
from secrets import token_hex
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from mediakiln.model.access import Principal
from mediakiln.model.deliverable import Deliverable
from mediakiln.stages.deliver import Deliver
from mediakiln.web.access import PRINCIPAL
from mediakiln.web.delivery.conditions import none_matches, range_applies, some_matches
from mediakiln.web.delivery.contents import Content, Contents
from mediakiln.web.delivery.headers import announce, shows_inline
from mediakiln.web.delivery.ranges import Span, Unsatisfiable, parse_ranges
from mediakiln.web.errors import problem

Pairs = list[tuple[bytes, bytes]]

_PATH: Final = re.compile(r"/v1/assets/([^/]+)/(?:original|products/(.+))", re.DOTALL)


class Downloads:
    """`GET` and `HEAD` of originals and products."""

    def __init__(self, deliver: Deliver, *, public: bool, contents: Contents | None = None) -> None:
        self._deliver = deliver
        self._public = public
        self._contents = contents or Contents(deliver)

    @staticmethod
    def match(path: str) -> re.Match[str] | None:
        """What a path names: (asset, product or None for the original); None if neither."""
        return _PATH.fullmatch(path)

    async def __call__(
        self, found: re.Match[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer the request for what `match` found.

        Raises:
            NotFound, Gone, ObjectMissing: there is nothing to send; nothing was sent.
            NotSupported: a direct address was asked for, and the store has none.
        """
        if scope["method"] not in {"GET", "HEAD"}:
            refusal = problem(
                405,
                "method_not_allowed",
                "This address allows GET, HEAD.",
                headers={"Allow": "GET, HEAD"},
            )
            return await refusal(scope, receive, send)
        options = _options(scope)
        id, name = found.groups()
        project = _project(scope)
        item = await (
            self._deliver.original(id, project=project)
            if name is None
            else self._deliver.product(id, name, project=project)
        )
        download = options.get("download") == "1"
        if options.get("direct") == "1" and scope["method"] == "GET":
            attachment = download or not shows_inline(item.media_type)
            address = await self._deliver.direct(item, attachment=attachment)
            return await _send_head(send, 307, _redirection(address))
        pairs = announce(
            item,
            public=self._public,
            download=download,
            pinned=options.get("v") == item.etag,
        )
        await self.send_item(item, pairs, scope, receive, send)
        return None

    async def send_item(
        self,
        item: Deliverable,
        pairs: Pairs,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        data: bytes | None = None,
    ) -> None:
        """Send what a request asks of a file: all, ranges, its head, or that it is unchanged.

        `data` are a small file's bytes, where the caller has them.
        """
        headers, etag = Headers(scope=scope), f'"{item.etag}"'
        if_match, if_none = _listed(headers, "if-match"), _listed(headers, "if-none-match")
        if if_match is not None and not some_matches(if_match, etag):
            refusal = problem(412, "precondition_failed", "The file is not the one expected.")
            return await refusal(scope, receive, send)
        if if_none is not None and not none_matches(if_none, etag):
            return await _send_head(send, 304, _without_content(pairs))
        whole = Span(0, item.size)
        asked = headers.get("range")
        spans: list[Span] | None = None
        if asked and scope["method"] == "GET" and range_applies(headers.get("if-range"), etag):
            try:
                spans = parse_ranges(asked, item.size)
            except Unsatisfiable:
                return await _refuse_range(item, scope, receive, send)
        async with self._contents.open(item, data) as content:
            if scope["method"] == "HEAD":
                await _send_head(send, 200, [*pairs, _length(item.size)])
            elif spans is None:
                await _send_span(send, 200, [*pairs, _length(item.size)], content, whole)
            elif len(spans) == 1:
                await _send_part(send, pairs, content, spans[0], item.size)
            else:
                await _send_parts(send, pairs, content, spans, item)
        return None


def _listed(headers: Headers, name: str) -> str | None:
    """A header that is a list: on however many lines it stands, it is one (RFC 9110, 5.3)."""
    return ", ".join(headers.getlist(name)) if name in headers else None


def _project(scope: Scope) -> str | None:
    """The only project to look in; None where downloads are public, to whomever."""
    principal: Principal | None = scope.get(PRINCIPAL)
    return None if principal is None else principal.project


def _redirection(address: str) -> Pairs:
    """To an address that ends soon: nobody may keep this answer."""
    return [(b"location", address.encode("ascii")), (b"cache-control", b"private, no-store")]


def _options(scope: Scope) -> dict[str, str]:
    query = scope["query_string"]
    if not query:
        return {}
    parsed = parse_qs(query.decode("latin-1"), max_num_fields=20, separator="&")
    return {name: values[0] for name, values in parsed.items()}


async def _send_head(send: Send, status: int, pairs: Pairs) -> None:
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": b""})


async def _send_span(send: Send, status: int, pairs: Pairs, content: Content, span: Span) -> None:
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    sent = 0
    async with aclosing(content.read(span)) as chunks:
        async for chunk in chunks:
            sent += len(chunk)
            more = sent < span.size
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
    if not span.size:
        await send({"type": "http.response.body", "body": b""})


async def _send_part(send: Send, pairs: Pairs, content: Content, span: Span, total: int) -> None:
    there = (b"content-range", span.content_range(total).encode())
    await _send_span(send, 206, [*pairs, there, _length(span.size)], content, span)


async def _send_parts(
    send: Send, pairs: Pairs, content: Content, spans: Iterable[Span], item: Deliverable
) -> None:
    """Several ranges, as multipart/byteranges (RFC 9110, section 14.6)."""
    boundary = token_hex(16)
    parts = [(_part_head(boundary, span, item), span) for span in spans]
    end = f"\r\n--{boundary}--\r\n".encode()
    size = sum(len(head) + span.size for head, span in parts) + len(end)
    kept = [pair for pair in pairs if pair[0] != b"content-type"]
    kind = (b"content-type", f"multipart/byteranges; boundary={boundary}".encode())
    start = {"type": "http.response.start", "status": 206}
    await send({**start, "headers": [*kept, kind, _length(size)]})
    for head, span in parts:
        await send({"type": "http.response.body", "body": head, "more_body": True})
        async with aclosing(content.read(span)) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": end})


def _part_head(boundary: str, span: Span, item: Deliverable) -> bytes:
    lines = (
        "",
        f"--{boundary}",
        f"Content-Type: {item.media_type}",
        f"Content-Range: {span.content_range(item.size)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("latin-1", "replace")


async def _refuse_range(item: Deliverable, scope: Scope, receive: Receive, send: Send) -> None:
    refusal = problem(
        416,
        "range_not_satisfiable",
        f"The file has {item.size} bytes, and none of them were asked for, or in too many ranges.",
        context={"limit": item.size},
        headers={"Content-Range": f"bytes */{item.size}"},
    )
    await refusal(scope, receive, send)


def _length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def _without_content(pairs: Pairs) -> Pairs:
    """What a 304 repeats: nothing that describes content it does not carry."""
    return [pair for pair in pairs if pair[0] not in {b"content-type", b"content-disposition"}]
