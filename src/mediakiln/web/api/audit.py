"""`GET /v1/audit`: who did what, when and from where."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict

from mediakiln.stages.access.audit import Entry, Filter
from mediakiln.web.access import administered
from mediakiln.web.api.openapi import problems
from mediakiln.web.services import Services


class AuditPage(BaseModel):
    """Some entries, and the cursor of the next page."""

    model_config = ConfigDict(frozen=True)

    entries: list[Entry]
    cursor: str | None


def router(services: Services) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["access"])

    @routes.get("/v1/audit", responses=problems(400, 403, 422))
    async def list_audit(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
        project: Annotated[
            str | None, Query(description="For the owner: of this project only; `-`: of none.")
        ] = None,
        who: Annotated[str | None, Query(description="A principal, such as `owner`.")] = None,
        what: Annotated[
            str | None, Query(description="Such as `key.created`, or its beginning, `key`.")
        ] = None,
        subject: Annotated[str | None, Query(description="An id, a name.")] = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
    ) -> AuditPage:
        """Entries, newest first; a page with a cursor may be short, or empty.

        Uploads and downloads are not in it: every asset says who uploaded it.
        """
        own = administered(request.scope)
        wanted = Filter(who=who, what=what, subject=subject, since=since, until=until)
        found, following = await services.access.audit.list(
            project if own is None else own, wanted, limit=limit, cursor=cursor
        )
        return AuditPage(entries=list(found), cursor=following)

    return routes
