"""Projects: tenants whose assets, uploads and keys know nothing of one another's."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import AlreadyExists, InvalidRequest, NotFound, VersionConflict
from mediakiln.ports.catalog import Catalog

SPACE: Final = "projects"
DEFAULT: Final = "default"
NAME_PATTERN: Final = r"^[a-z0-9-]{1,40}$"
_NAME = re.compile(NAME_PATTERN)


class Project(BaseModel):
    """One tenant. `default` is always there, and was created by nobody at no time."""

    model_config = ConfigDict(frozen=True)

    name: str
    created_at: datetime | None = None
    created_by: str | None = None


class Projects:
    """Creates, lists and finds projects."""

    def __init__(self, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._records = catalog.records(SPACE)
        self._clock = clock

    async def create(self, name: str, *, by: str) -> Project:
        """A new project.

        Raises:
            InvalidRequest: the name is not 1 to 40 of a-z, 0-9 and `-`.
            AlreadyExists: there is one of that name.
        """
        if _NAME.fullmatch(name) is None:
            raise InvalidRequest(
                "a project's name is 1 to 40 of a-z, 0-9 and -", field="name", value=name[:80]
            )
        made = Project(name=name, created_at=self._clock(), created_by=by)
        taken = AlreadyExists(f"there is a project {name!r} already")
        if name == DEFAULT:
            raise taken
        try:
            await self._records.put(name, made.model_dump(mode="json"))
        except VersionConflict:
            raise taken from None
        return made

    async def get(self, name: str) -> Project:
        """One project.

        Raises:
            NotFound: there is none of that name.
        """
        if name == DEFAULT:
            return Project(name=DEFAULT)
        record = await self._records.get(name) if _NAME.fullmatch(name) else None
        if record is None:
            raise NotFound(f"there is no project {name[:80]!r}")
        return Project.model_validate(record.value)

    async def list(
        self, *, limit: int = 100, cursor: str | None = None
    ) -> tuple[Sequence[Project], str | None]:
        """Projects by name, `default` first, and the next page's cursor."""
        records, following = await self._records.list(limit=limit, cursor=cursor)
        found = [Project.model_validate(record.value) for record in records]
        return ([Project(name=DEFAULT), *found] if cursor is None else found), following
