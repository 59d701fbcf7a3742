"""`/v1/projects`: tenants, made and listed by the owner."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.access import Scope
from mediakiln.model.errors import Forbidden
from mediakiln.stages.access.projects import NAME_PATTERN
from mediakiln.web.access import administered, allowed, noted
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import SmallJson
from mediakiln.web.services import Services


class ProjectIn(BaseModel):
    """A project to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME_PATTERN, description="1 to 40 of a-z, 0-9 and -.")


class ProjectOut(BaseModel):
    """One project."""

    model_config = ConfigDict(frozen=True)

    name: str
    created_at: datetime | None = Field(description="null: it was always there.")
    created_by: str | None


class ProjectPage(BaseModel):
    """Some projects, and the cursor of the next page."""

    model_config = ConfigDict(frozen=True)

    projects: list[ProjectOut]
    cursor: str | None


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["access"], route_class=SmallJson)
    projects = services.access.projects

    @routes.post("/v1/projects", status_code=201, responses=problems(400, 403, 409, 413, 422))
    async def create_project(request: Request, wanted: ProjectIn) -> ProjectOut:
        """Make a project; the owner's key works in it with `X-Mediakiln-Project: NAME`."""
        principal = allowed(request.scope, Scope.ADMIN)
        if not principal.is_owner:
            raise Forbidden("only the owner's key makes projects")
        made = await projects.create(wanted.name, by=principal.id)
        await noted(request.scope, services, "project.created", made.name)
        return ProjectOut(**made.model_dump())

    @routes.get("/v1/projects", responses=problems(400, 403, 422))
    async def list_projects(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
    ) -> ProjectPage:
        """Every project for the owner; for other keys their own."""
        own = administered(request.scope)
        if own is not None:
            return ProjectPage(
                projects=[ProjectOut(**(await projects.get(own)).model_dump())], cursor=None
            )
        found, following = await projects.list(limit=limit, cursor=cursor)
        return ProjectPage(
            projects=[ProjectOut(**project.model_dump()) for project in found], cursor=following
        )

    return routes
