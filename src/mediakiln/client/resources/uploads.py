"""Uploads: in one request where that is enough, in parts where it is not."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource, there
from mediakiln.client.blocking import Resource, here
from mediakiln.client.call import (
    Call,
    Flow,
    Pages,
    Together,
    ask,
    every,
    given,
    nothing,
    once,
    paged,
    part,
)
from mediakiln.client.content import GivenUp, Progress, Sendable, Source, Tally, source_of
from mediakiln.client.errors import SourceChanged
from mediakiln.client.models import Asset, PendingUpload, UploadPart

Recipe = str | Mapping[str, Any]
"""A preset's name, or a recipe."""

PART_BYTES: Final = 8 * 1024 * 1024
"""Files larger than this go in parts."""
PARALLEL: Final = 10
"""Parts of one upload that are on their way at once."""
_BYTES: Final = {"Content-Type": "application/octet-stream"}


def submit(
    what: Sendable,
    *,
    name: str | None = None,
    recipe: Recipe | None = None,
    tags: Sequence[str] = (),
    uploader: str | None = None,
    on_progress: Progress | None = None,
    idempotency_key: str | None = None,
    parallel: int = PARALLEL,
) -> Flow[Asset]:
    """Upload a file: a path, bytes, or a file open for reading.

    Files of more than 8 MiB go in parts, several at once; each part is tried again by itself.
    No more than 256 KiB of each part are held in memory.

    Args:
        what: the file.
        name: its name, where `what` has none or another one.
        recipe: a preset's name or a recipe; without one the kind's default runs.
        tags: to find the asset by.
        uploader: whom it belongs to.
        on_progress: called with bytes sent so far and in all, maybe in a thread.
        idempotency_key: the same key again answers with the same asset; by default, each call
            has its own.
        parallel: parts on their way at once.

    Raises:
        SourceChanged: the file was changed meanwhile; nothing is kept of it.
    """
    source = source_of(what, name)
    if source.size is None or source.size <= PART_BYTES or not source.repeatable:
        call = _whole(source, recipe, tags, uploader, on_progress, idempotency_key)
        return (yield from ask(call))
    upload = yield from ask(
        create(
            source.name,
            source.size,
            recipe=recipe,
            tags=tags,
            uploader=uploader,
            idempotency_key=idempotency_key,
        )
    )
    return (yield from _send(upload, source, {}, on_progress, parallel))


def create(
    name: str,
    size: int,
    *,
    recipe: Recipe | None = None,
    tags: Sequence[str] = (),
    uploader: str | None = None,
    type: str | None = None,
    part_size: int | None = None,
    idempotency_key: str | None = None,
) -> Call[PendingUpload]:
    """Begin an upload in parts, to be sent by `resume`.

    `size` is in bytes, `type` a media type. The server chooses the parts' size if nobody does:
    8 MiB, unless the file is so large that there would be too many.
    """
    body = given(
        filename=name,
        size=size,
        recipe=recipe,
        tags=list(tags) or None,
        uploader=uploader,
        type=type,
        part_size=part_size,
    )
    headers = once(idempotency_key)
    return Call("POST", "/v1/uploads", PendingUpload.model_validate, headers=headers, body=body)


def list_() -> Pages[PendingUpload]:
    """Uploads that are not complete yet."""
    return paged("/v1/uploads", "uploads", PendingUpload.model_validate)


def get(id: str) -> Call[PendingUpload]:
    """An upload that is not complete yet."""
    return Call("GET", f"/v1/uploads/{part(id)}", PendingUpload.model_validate)


def parts(id: str) -> Pages[UploadPart]:
    """The parts that the server has, by number."""
    return paged(f"/v1/uploads/{part(id)}/parts", "parts", UploadPart.model_validate)


def complete(id: str, sent: Sequence[UploadPart] | None = None) -> Call[Asset]:
    """Make the asset of these parts, or of those that the server has, whichever they are.

    Again, it answers with the same asset.
    """
    claims = None if sent is None else [{"number": i.number, "etag": i.etag} for i in sent]
    body = {"parts": claims}
    return Call("POST", f"/v1/uploads/{part(id)}/complete", Asset.model_validate, body=body)


def abort(id: str) -> Call[None]:
    """Give an upload up; the server forgets its parts."""
    return Call("DELETE", f"/v1/uploads/{part(id)}", nothing)


def resume(
    id: str,
    what: Sendable,
    *,
    on_progress: Progress | None = None,
    parallel: int = PARALLEL,
) -> Flow[Asset]:
    """Send the parts that the server does not have, and complete the upload.

    `what` must be the same file as before; only its size is compared.

    Raises:
        SourceChanged: it has another size, or was changed meanwhile.
        ValueError: the upload is not one in parts.
        ApiError: `not_found` or `upload_expired`: there is nothing left to go on with.
    """
    source = source_of(what, "resumed")
    upload = yield from ask(get(id))
    if upload.state != "open":
        return (yield from ask(complete(id)))  # all parts are there, and only the end is not known
    if upload.part_size is None:
        raise ValueError(f"{id} is an upload by {upload.protocol}, which is not in parts")
    if source.size != upload.size or not source.repeatable:
        raise SourceChanged(f"{upload.size} bytes were begun, and the file has {source.size}")
    found = yield from every(parts(id))
    return (yield from _send(upload, source, {i.number: i for i in found}, on_progress, parallel))


def _send(
    upload: PendingUpload,
    source: Source,
    kept: Mapping[int, UploadPart],
    progress: Progress | None,
    parallel: int,
) -> Flow[Asset]:
    """Send what is missing and complete."""
    ranges = dict(_ranges(source.size or 0, upload.part_size or PART_BYTES))
    sent = {
        number: item
        for number, item in kept.items()
        if number in ranges and item.size == ranges[number][1] - ranges[number][0]
    }
    tally = Tally(source.size, progress, sum(item.size for item in sent.values()))
    missing = (number for number in ranges if number not in sent)

    def one(number: int) -> Flow[None]:
        try:
            sent[number] = yield from ask(_part(upload.id, number, source, ranges[number], tally))
        except GivenUp:
            return

    yield Together((one(number) for number in missing), parallel, tally.give_up)
    try:
        source.check()
    except SourceChanged:
        yield from ask(abort(upload.id))
        raise
    return (yield from ask(complete(upload.id, [sent[number] for number in ranges])))


def _whole(
    source: Source,
    recipe: Recipe | None,
    tags: Sequence[str],
    uploader: str | None,
    progress: Progress | None,
    idempotency_key: str | None,
) -> Call[Asset]:
    """A file in one request."""
    headers = _BYTES | once(idempotency_key)
    if source.size is not None:
        headers["Content-Length"] = str(source.size)
    params = {"filename": source.name, "tags": ",".join(tags), "uploader": uploader or ""}
    if isinstance(recipe, str):
        params["recipe"] = recipe
    elif recipe is not None:
        # A recipe may be too long for an address; JSON without line breaks fits into a header.
        headers["X-Recipe"] = json.dumps(recipe)
    tally = Tally(source.size, progress)
    return Call(
        "POST",
        "/v1/assets",
        Asset.model_validate,
        params={key: value for key, value in params.items() if value},
        headers=headers,
        content=lambda: tally.counted(0, source.pieces(0, source.size)),
        length=source.size,
        repeatable=source.repeatable,
    )


def _part(
    id: str, number: int, source: Source, range_: tuple[int, int], tally: Tally
) -> Call[UploadPart]:
    start, end = range_
    return Call(
        "PUT",
        f"/v1/uploads/{part(id)}/parts/{number}",
        UploadPart.model_validate,
        headers=_BYTES | {"Content-Length": str(end - start)},
        content=lambda: tally.counted(number, source.pieces(start, end)),
        length=end - start,
    )


def _ranges(size: int, part_size: int) -> Iterator[tuple[int, tuple[int, int]]]:
    for number, start in enumerate(range(0, size, part_size), 1):
        yield number, (start, min(start + part_size, size))


class Uploads(Resource):
    """Uploads in parts, step by step; `Client.submit` does all of it."""

    create = here(create)
    get = here(get)
    list = blocking.listed(list_)
    parts = blocking.listed(parts)
    resume = here(resume)
    complete = here(complete)
    abort = here(abort)


class AsyncUploads(AsyncResource):
    """Uploads in parts, step by step; `AsyncClient.submit` does all of it."""

    create = there(create)
    get = there(get)
    list = awaiting.listed(list_)
    parts = awaiting.listed(parts)
    resume = there(resume)
    complete = there(complete)
    abort = there(abort)
