"""`/v1/uploads`: large files in parts, in any order, in parallel, again."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from mediakiln.model.access import Scope
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.upload import Upload, UploadState
from mediakiln.ports.multipart import Part
from mediakiln.stages.uploads.claims import Claim
from mediakiln.stages.uploads.content import Content
from mediakiln.stages.uploads.multipart import PROTOCOL, PartAddress, plan_of
from mediakiln.web.access import allowed, continued
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import AssetOut
from mediakiln.web.api.views import asset_view
from mediakiln.web.bodies import read_model, stream_body
from mediakiln.web.services import Services
from mediakiln.web.upload.digests import digests_of
from mediakiln.web.upload.intake import Said, length_of, offer_of
from mediakiln.web.upload.schemas import (
    MAX_PARTS_BYTES,
    CompleteIn,
    PartIn,
    PartOut,
    PartPage,
    PartUrlOut,
    UploadDetailOut,
    UploadIn,
    UploadOut,
    UploadPage,
)
from mediakiln.web.urls import asset_url, base_url

Id = Annotated[str, Path(description="The upload's id, a UUID.")]
Number = Annotated[int, Path(ge=1, description="The part's number, from 1.")]
Cursor = Annotated[str | None, Query(description="Of the page before.")]

_LOCATION = {"headers": {"Location": {"schema": {"type": "string", "format": "uri"}}}}
_OPEN: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": UploadIn.model_json_schema()}},
}
_COMPLETE: dict[str, Any] = {
    "required": False,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": CompleteIn.__doc__,
                "properties": {
                    "parts": {"type": ["array", "null"], "items": PartIn.model_json_schema()}
                },
                "additionalProperties": False,
            }
        }
    },
}
_PART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in ("Content-MD5", "Content-Digest", "x-checksum-sha256")
    ],
}


def router(services: Services) -> APIRouter:
    """The routes of uploads in parts."""
    routes = APIRouter(tags=["uploads"])
    _add_opening(routes, services)
    _add_looking(routes, services)
    _add_parts(routes, services)
    _add_part_list(routes, services)
    _add_ending(routes, services)
    return routes


def _add_opening(routes: APIRouter, services: Services) -> None:
    @routes.post(
        "/v1/uploads",
        status_code=201,
        openapi_extra={"requestBody": _OPEN},
        responses=problems(400, 413, 422, 503, 507) | {201: _LOCATION},
    )
    async def open_upload(request: Request, response: Response) -> UploadOut:
        """Begin to upload a file in parts. Its size must be known."""
        principal = allowed(request.scope, Scope.UPLOAD)
        asked = await read_model(request.receive, UploadIn)
        said = Said(
            filename=asked.filename,
            recipe=asked.recipe,
            uploader=asked.uploader,
            tags=",".join(asked.tags),
            declared=asked.type or "",
            size=asked.size,
        )
        if asked.presign:
            services.multipart.insist_on_addresses()
        upload = await services.multipart.open(
            offer_of(said, services, principal), part_size=asked.part_size, by=principal.id
        )
        numbers = range(1, min(asked.presign, plan_of(upload).count) + 1)
        urls = [
            _url_view(await services.multipart.address(upload.project, upload.id, number))
            for number in numbers
        ]
        base = base_url(request.scope, services)
        response.headers["Location"] = upload_url(base, upload.id)
        return UploadOut(**_shown(upload, base), urls=urls)


def _add_looking(routes: APIRouter, services: Services) -> None:
    @routes.get("/v1/uploads", responses=problems(400, 422))
    async def list_uploads(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Cursor = None,
    ) -> UploadPage:
        """Uploads in progress, by any protocol. A page may hold fewer than asked for."""
        principal = allowed(request.scope, Scope.UPLOAD)
        uploads, following = await services.multipart.book.page(
            principal.project, limit=limit, cursor=cursor
        )
        base, now = base_url(request.scope, services), services.multipart.book.clock()
        going = [each for each in uploads if _is_going_on(each) and each.expires_at > now]
        shown = [UploadOut(**_shown(upload, base)) for upload in going]
        return UploadPage(uploads=shown, cursor=following)

    @routes.get("/v1/uploads/{id}", responses=problems(404, 410))
    async def get_upload(request: Request, id: Id) -> UploadDetailOut:
        """How far an upload is, by any protocol."""
        principal = await continued(request.scope, services, id)
        upload = await services.multipart.book.get(principal.project, id)
        parts = await services.multipart.listed(upload) if upload.protocol == PROTOCOL else ()
        done = upload.state is UploadState.DONE and upload.size is not None
        return UploadDetailOut(
            **_shown(upload, base_url(request.scope, services)),
            parts_received=len(parts),
            bytes_received=(upload.size or 0) if done else _received(upload, parts),
        )


def _add_parts(routes: APIRouter, services: Services) -> None:
    @routes.put(
        "/v1/uploads/{id}/parts/{number}",
        openapi_extra=_PART,
        responses=problems(400, 404, 409, 410, 422, 423, 507),
    )
    async def put_part(request: Request, response: Response, id: Id, number: Number) -> PartOut:
        """Send a part; it takes the place of an older one of its number.

        With Content-MD5, Content-Digest or x-checksum-sha256 it is kept only if its bytes have
        that sum. Only a SHA-256 that a part was sent with can be claimed at the end.
        """
        principal = await continued(request.scope, services, id)
        digests = digests_of(request.headers)
        async with aclosing(stream_body(request.receive)) as chunks:
            content = Content(chunks, length_of(request), digests)
            part = await services.multipart.put(principal.project, id, number, content)
        response.headers["ETag"] = f'"{part.etag}"'
        return _part_view(part)

    @routes.post(
        "/v1/uploads/{id}/parts/{number}/url",
        responses=problems(400, 404, 409, 410, 422),
    )
    async def presign_part(request: Request, id: Id, number: Number) -> PartUrlOut:
        """An address to PUT a part to, straight to the store, where the store has such."""
        allowed(request.scope, Scope.UPLOAD)
        services.multipart.insist_on_addresses()  # the same for every id
        principal = await continued(request.scope, services, id)
        return _url_view(await services.multipart.address(principal.project, id, number))


def _add_part_list(routes: APIRouter, services: Services) -> None:
    @routes.get("/v1/uploads/{id}/parts", responses=problems(404, 410, 422))
    async def list_parts(
        request: Request,
        id: Id,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
        cursor: Cursor = None,
    ) -> PartPage:
        """The parts that are kept, by number."""
        principal = await continued(request.scope, services, id)
        after = _after(cursor)
        upload = await services.multipart.get(principal.project, id)
        parts = [part for part in await services.multipart.listed(upload) if part.number > after]
        page = parts[:limit]
        following = str(page[-1].number) if len(parts) > limit else None
        return PartPage(parts=[_part_view(part) for part in page], cursor=following)


def _add_ending(routes: APIRouter, services: Services) -> None:
    @routes.post(
        "/v1/uploads/{id}/complete",
        status_code=201,
        openapi_extra={"requestBody": _COMPLETE},
        responses=problems(400, 404, 410, 413, 415, 422)
        | {201: _LOCATION, 200: {"model": AssetOut, "description": "It was complete before."}},
    )
    async def complete_upload(request: Request, response: Response, id: Id) -> AssetOut:
        """Make the asset. Again, it answers with the same asset, and 200."""
        principal = await continued(request.scope, services, id)
        asked = await read_model(request.receive, CompleteIn, limit=MAX_PARTS_BYTES)
        claims = None if asked.parts is None else [_claim(part) for part in asked.parts]
        asset, ended = await services.multipart.complete(principal.project, id, claims)
        if not ended:
            response.status_code = 200
        base = base_url(request.scope, services)
        response.headers["Location"] = asset_url(base, asset.id)
        return await asset_view(asset, services.deliver, base)

    @routes.delete("/v1/uploads/{id}", status_code=204, responses=problems(404, 409, 410))
    async def abort_upload(request: Request, id: Id) -> None:
        """Give an upload up; its parts are deleted."""
        principal = await continued(request.scope, services, id)
        await services.multipart.abort(principal.project, id)


def upload_url(base: str, id: str) -> str:
    """The address of an upload in progress."""
    return f"{base}/v1/uploads/{id}"


def _shown(upload: Upload, base: str) -> dict[str, Any]:
    return {
        "id": upload.id,
        "protocol": upload.protocol,
        "state": upload.state,
        "name": upload.name,
        "size": upload.size,
        "part_size": upload.part_size,
        "parts": plan_of(upload).count if upload.protocol == PROTOCOL else None,
        "offset": upload.offset,
        "uploader": upload.uploader,
        "tags": list(upload.tags),
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "url": upload_url(base, upload.id),
        "asset_url": asset_url(base, upload.id) if upload.state is UploadState.DONE else None,
    }


def _is_going_on(upload: Upload) -> bool:
    return upload.state is not UploadState.DONE


def _received(upload: Upload, parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts) if upload.protocol == PROTOCOL else upload.offset


def _part_view(part: Part) -> PartOut:
    return PartOut(number=part.number, size=part.size, etag=part.etag)


def _url_view(address: PartAddress) -> PartUrlOut:
    return PartUrlOut(
        number=address.number, url=address.url, size=address.size, expires_at=address.expires_at
    )


def _claim(part: PartIn) -> Claim:
    sha256 = None if part.sha256 is None else bytes.fromhex(part.sha256)
    return Claim(part.number, etag=part.etag, size=part.size, sha256=sha256)


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > 9:  # noqa: PLR2004 - digits no number of ours has
        raise InvalidRequest("the cursor is not one of ours", field="cursor")
    return int(cursor)
