"""From an HTTP request to `Receive`: what the client said, and its bytes as they arrive."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest, MediakilnError, TooLarge
from mediakiln.model.upload import Offer
from mediakiln.telemetry import metrics
from mediakiln.web.bodies import stream_body
from mediakiln.web.services import Services
from mediakiln.web.upload.form import MAX_FIELD_BYTES, Form, is_form

MAX_TAGS: Final = 50
MAX_TAG_CHARS: Final = 64
MAX_UPLOADER_CHARS: Final = 200
_FORM_OVERHEAD: Final = MAX_FIELD_BYTES + 128 * 1024
"""What a form may weigh beside its file: fields, headers and boundaries."""

# What programs send when nobody told them the type.
_UNTYPED = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})


@dataclass(frozen=True, slots=True)
class Said:
    """What the client said of its file beside the bytes, not yet checked."""

    filename: str | None = None
    recipe: str | None = None
    uploader: str | None = None
    tags: str | None = None


async def take_in(request: Request, said: Said, services: Services) -> Asset:
    """Store the request's file, sent as the raw body or in a form.

    Raises:
        MediakilnError: as `Receive`, or what the client said of the file is not valid;
            nothing is kept.
    """
    try:
        async with aclosing(stream_body(request.receive)) as chunks:
            if is_form(request.headers.get("content-type", "")):
                return await _from_form(request, said, services, chunks)
            return await _from_body(request, said, services, chunks)
    except MediakilnError as error:
        metrics.UPLOADS.labels(error.code).inc()
        raise


async def _from_body(
    request: Request, said: Said, services: Services, chunks: AsyncIterator[bytes]
) -> Asset:
    declared = request.headers.get("content-type", "")
    offer = _offer(said, services, declared=declared, size=_length(request))
    return await services.receive(offer, chunks)


async def _from_form(
    request: Request, said: Said, services: Services, chunks: AsyncIterator[bytes]
) -> Asset:
    size = _length(request)
    if size is not None and size > services.max_upload_bytes + _FORM_OVERHEAD:
        raise TooLarge(
            f"the upload is larger than {services.max_upload_bytes} bytes",
            limit=services.max_upload_bytes,
            value=size,
            hint="raise MEDIAKILN_MAX_UPLOAD_BYTES, or use the multipart upload",
        )
    form = Form(request.headers["content-type"], chunks)
    try:
        file = await form.open()

        def offer() -> Offer:
            told = Said(
                filename=said.filename or file.filename,
                recipe=form.fields.get("recipe", said.recipe),
                uploader=form.fields.get("uploader", said.uploader),
                tags=form.fields.get("tags", said.tags),
            )
            return _offer(told, services, declared=file.media_type or "", size=None)

        async with aclosing(form.content()) as content:
            return await services.receive(offer(), content, amend=offer)
    finally:
        await form.close()


def _offer(said: Said, services: Services, *, declared: str, size: int | None) -> Offer:
    if not said.filename:
        raise InvalidRequest(
            "the file has no name", field="filename", hint="POST /v1/assets?filename=NAME"
        )
    media_type = declared.partition(";")[0].strip().lower()
    return Offer(
        name=said.filename,
        project=services.project,
        uploader=_uploader(said.uploader or ""),
        tags=_tags(said.tags or ""),
        recipe=services.recipes.resolve(said.recipe),
        declared_type=None if media_type in _UNTYPED else media_type[:127],
        size=size,
    )


def _uploader(given: str) -> str:
    if len(given) > MAX_UPLOADER_CHARS or not given.isprintable():
        raise InvalidRequest(
            f"uploader is at most {MAX_UPLOADER_CHARS} printable characters",
            field="uploader",
            limit=MAX_UPLOADER_CHARS,
            value=len(given),
        )
    return given


def _tags(given: str) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.strip() for tag in given.split(",") if tag.strip()))
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(
            f"an asset has at most {MAX_TAGS} tags", field="tags", limit=MAX_TAGS, value=len(tags)
        )
    for tag in tags:
        if len(tag) > MAX_TAG_CHARS or not tag.isprintable():
            raise InvalidRequest(
                f"a tag is at most {MAX_TAG_CHARS} printable characters",
                field="tags",
                limit=MAX_TAG_CHARS,
                value=len(tag),
            )
    return tags


def _length(request: Request) -> int | None:
    value = request.headers.get("content-length")
    if value is None:
        return None
    if not value.isdecimal():
        raise InvalidRequest("Content-Length is not a number")
    return int(value)
