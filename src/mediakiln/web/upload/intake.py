"""From an HTTP request to `Receive`: what the client said, and its bytes as they arrive."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.requests import Request

from mediakiln.model.access import Principal, Scope
from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    EmptyFile,
    InvalidName,
    InvalidRequest,
    MediakilnError,
    UnsupportedMedia,
)
from mediakiln.model.ids import sibling
from mediakiln.model.upload import Offer
from mediakiln.stages.receive import too_large
from mediakiln.stages.uploads.labels import clean_tags, clean_uploader
from mediakiln.telemetry import metrics
from mediakiln.web.access import allowed, constrained, counted
from mediakiln.web.bodies import stream_body
from mediakiln.web.errors import problem_of
from mediakiln.web.guard.repeats import NEW_ID
from mediakiln.web.services import Services
from mediakiln.web.upload.form import MAX_FIELD_BYTES, Form
from mediakiln.web.upload.form_parts import Part, is_form

_FORM_OVERHEAD: Final = MAX_FIELD_BYTES + 128 * 1024
"""What a form may weigh beside its files: fields, headers and boundaries."""
_FILE_OVERHEAD: Final = 5 * 1024
"""The headers and the boundary of each further file."""

# What programs send when nobody told them the type.
_UNTYPED = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
_OF_THE_FILE: Final = (EmptyFile, InvalidName, UnsupportedMedia)
"""Refusals of a first file for what it is, which say nothing of those behind it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the client said of its file beside the bytes, not yet checked."""

    filename: str | None = None
    recipe: str | Mapping[str, Any] | None = None
    uploader: str | None = None
    tags: str | None = None
    declared: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file of several that was not taken, or, without a name, what ended the form."""

    name: str | None
    error: MediakilnError

    def describe(self) -> dict[str, Any]:
        """As clients see it."""
        return {"name": self.name, "problem": json.loads(bytes(problem_of(self.error).body))}


@dataclass(frozen=True, slots=True)
class Several:
    """What became of the files of a form with more than one."""

    assets: list[Asset] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


async def take_in(request: Request, said: Said, services: Services) -> Asset | Several:
    """Store the request's file, sent as the raw body or in a form, or the form's files.

    Raises:
        MediakilnError: as `Receive`, or what the client said of the file is not valid;
            nothing is kept.
    """
    principal = allowed(request.scope, Scope.UPLOAD)
    declared = request.headers.get("content-type", "")
    try:
        async with aclosing(stream_body(request.receive)) as chunks:
            size = length_of(request)
            if not is_form(declared):
                told = replace(said, declared=declared, size=size)
                async with counted(principal, services):
                    offer = offer_of(told, services, principal)
                    return await services.receive(offer, chunks, id=request.scope.get(NEW_ID))
            limit = services.max_upload_bytes
            if size is not None and size > limit + _overhead(services):
                raise too_large(limit, size)
            form = Form(declared, chunks, max_files=services.max_form_files, max_bytes=limit)
            intake = _FormIntake(form, said, services, principal, request.scope.get(NEW_ID))
            return await intake.take()
    except MediakilnError as error:
        metrics.UPLOADS.labels(error.code).inc()
        raise


class _FormIntake:
    """Takes the files of one form. One alone is answered as if there could be no other."""

    def __init__(
        self,
        form: Form,
        said: Said,
        services: Services,
        principal: Principal,
        first_id: str | None,
    ) -> None:
        self._first_id = first_id
        self._count = 0
        self._form = form
        self._said = said
        self._services = services
        self._principal = principal

    async def take(self) -> Asset | Several:
        """Read the whole form.

        Raises:
            MediakilnError: the only file is refused, or what concerns all of them is wrong.
        """
        try:
            first = await self._form.open()
            found = await self._first(
                replace(first, filename=self._said.filename or first.filename)
            )
            part = await self._next(found)
            if part is None:
                return _only(found)
            return await self._rest(found, part)
        finally:
            await self._form.close()

    async def _first(self, part: Part) -> Several:
        try:
            return Several(assets=[await self._one(part)])
        except _OF_THE_FILE as error:
            return Several(refused=[Refused(part.filename, error)])

    async def _next(self, found: Several) -> Part | None:
        try:
            return await self._form.following()
        except MediakilnError:
            # Of a form with one file its own refusal counts.
            if found.refused and self._form.files == 1:
                return None
            raise

    async def _rest(self, found: Several, part: Part | None) -> Several:
        while part is not None:
            try:
                found.assets.append(await self._one(part))
            except MediakilnError as error:
                found.refused.append(Refused(part.filename, error))
            try:
                part = await self._form.following()
            except MediakilnError as error:
                found.refused.append(Refused(None, error))
                part = None
        for refused in found.refused:
            metrics.UPLOADS.labels(refused.error.code).inc()
        return found

    async def _one(self, part: Part) -> Asset:
        services, fields = self._services, self._form.fields

        def offer() -> Offer:
            told = Said(
                filename=part.filename,
                recipe=fields.get("recipe", self._said.recipe),
                uploader=fields.get("uploader", self._said.uploader),
                tags=fields.get("tags", self._said.tags),
                declared=part.media_type or "",
            )
            return offer_of(told, services, self._principal)

        async with (
            counted(self._principal, services),
            aclosing(self._form.content()) as content,
        ):
            id = None if self._first_id is None else sibling(self._first_id, self._count)
            self._count += 1
            return await services.receive(offer(), content, amend=offer, id=id)


def _only(found: Several) -> Asset:
    if found.refused:
        raise found.refused[0].error
    return found.assets[0]


def offer_of(said: Said, services: Services, principal: Principal) -> Offer:
    """What is known of an upload, checked, and held to what its principal may do.

    Raises:
        InvalidRequest, InvalidRecipe, TooLarge: it is not valid, or not allowed.
    """
    if not said.filename:
        raise InvalidRequest(
            "the file has no name", field="filename", hint="POST /v1/assets?filename=NAME"
        )
    media_type = said.declared.partition(";")[0].strip().lower()
    offer = Offer(
        name=said.filename,
        uploader=clean_uploader(said.uploader or ""),
        tags=clean_tags((said.tags or "").split(",")),
        recipe=services.recipes.resolve(said.recipe),
        declared_type=None if media_type in _UNTYPED else media_type[:127],
        size=said.size,
    )
    return constrained(principal, offer, services.recipes)


def length_of(request: Request) -> int | None:
    """The body's bytes, if they are announced.

    Raises:
        InvalidRequest: the header is not a number.
    """
    value = request.headers.get("content-length")
    if value is None:
        return None
    if not value.isdecimal():
        raise InvalidRequest("Content-Length is not a number")
    return int(value)


def _overhead(services: Services) -> int:
    return _FORM_OVERHEAD + services.max_form_files * _FILE_OVERHEAD
