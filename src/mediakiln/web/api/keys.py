"""`/v1/keys`: API keys, made, listed and ended by whoever may administer a project."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mediakiln.model.access import Principal, Quota, Scope
from mediakiln.model.errors import InvalidRequest
from mediakiln.stages.access.keys import ApiKey
from mediakiln.stages.access.projects import NAME_PATTERN
from mediakiln.web.access import administered, allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.auth import Auth
from mediakiln.web.bodies import SmallJson
from mediakiln.web.guard.rates import parsed
from mediakiln.web.services import Services


class KeyIn(BaseModel):
    """What a new key is to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100, description="What people call it.")
    scopes: tuple[Scope, ...] = Field(
        min_length=1, max_length=len(Scope), description="What it allows."
    )
    project: str | None = Field(
        None, pattern=NAME_PATTERN, description="Default: the project of the key that asks."
    )
    uploader: str | None = Field(
        None, max_length=200, description="Stands on every upload by this key, whatever it says."
    )
    rate: str | None = Field(
        None, max_length=200, description="Requests, like `20/second; 5000/hour`."
    )
    quota: Quota | None = Field(None, description="What it may put in a day.")
    expires_at: AwareDatetime | None = Field(None, description="Default: never.")


class KeyOut(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Visible part of the key: `mk_<id>_…`.")
    name: str
    project: str
    scopes: tuple[Scope, ...]
    uploader: str | None
    rate: str | None
    quota: Quota | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class NewKeyOut(KeyOut):
    """A key with its secret, which is shown this once."""

    key: str = Field(description="Send it as `Authorization: Bearer KEY`.")


class KeyPage(BaseModel):
    """Some keys, and the cursor of the next page."""

    model_config = ConfigDict(frozen=True)

    keys: list[KeyOut]
    cursor: str | None


def router(services: Services, auth: Auth) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["access"], route_class=SmallJson)
    keys = services.access.keys

    @routes.post("/v1/keys", status_code=201, responses=problems(400, 403, 404, 413, 422))
    async def create_key(request: Request, wanted: KeyIn) -> NewKeyOut:
        """Make a key. Its secret is in the answer and nowhere else."""
        principal = allowed(request.scope, Scope.ADMIN)
        project = await _project(principal, wanted.project, services)
        _check(wanted)
        given = dict(wanted) | {"project": project}
        key, text = await keys.create(**given, by=principal.id)
        told = {"name": key.name, "scopes": list(key.scopes)}
        await noted(request.scope, services, "key.created", key.id, project=key.project, **told)
        return NewKeyOut(key=text, **_shown(key))

    @routes.get("/v1/keys", responses=problems(400, 403, 422))
    async def list_keys(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
    ) -> KeyPage:
        """Keys of the project, those that ended lately as well; the owner sees all projects'."""
        found, following = await keys.list(administered(request.scope), limit=limit, cursor=cursor)
        return KeyPage(keys=[KeyOut(**_shown(key)) for key in found], cursor=following)

    @routes.delete("/v1/keys/{id}", responses=problems(403, 404))
    async def revoke_key(request: Request, id: str) -> KeyOut:
        """End a key, its sessions and upload tokens; everywhere within five seconds."""
        key = await keys.revoke(id, project=administered(request.scope))
        auth.forget()
        await noted(request.scope, services, "key.revoked", key.id, project=key.project)
        return KeyOut(**_shown(key))

    return routes


async def _project(principal: Principal, wanted: str | None, services: Services) -> str:
    """The project of a new key; another than one's own is there for the owner only."""
    if wanted is None or wanted == principal.project:
        return principal.project
    mine = principal.is_owner
    return (await services.access.projects.get(wanted if mine else "")).name


def _check(wanted: KeyIn) -> None:
    if wanted.uploader is not None and not wanted.uploader.isprintable():
        raise InvalidRequest("uploader holds characters that cannot be printed", field="uploader")
    if not wanted.name.isprintable():
        raise InvalidRequest("name holds characters that cannot be printed", field="name")
    try:
        parsed(wanted.rate or "")
    except ValueError:
        raise InvalidRequest(
            "the rate cannot be read", field="rate", hint="it is like `20/second; 5000/hour`"
        ) from None
    soonest = datetime.now(UTC) + timedelta(seconds=1)
    if wanted.expires_at is not None and wanted.expires_at < soonest:
        raise InvalidRequest("the key would have expired already", field="expires_at")


def _shown(key: ApiKey) -> dict[str, object]:
    return key.model_dump(exclude={"digest"})
