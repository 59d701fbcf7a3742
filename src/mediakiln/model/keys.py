"""Where objects live in the three buckets. Only generated words and ids enter a key."""

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from mediakiln.model.ids import is_id

_DAY = re.compile(r"\d{4}/\d{2}/\d{2}")
_RUN = re.compile(r"[^/]+/[^/]+/[^/]+/(\d+)[-.]")


class Bucket(StrEnum):
    """The three buckets: what came in, what clients see, and the copies kept against mistakes."""

    INPUT = "input"
    PRODUCTION = "production"
    ARCHIVE = "archive"


PARTS_PREFIX: Final = ".parts/"
"""Where parts of uploads wait, on stores that cannot join them by themselves: `{token}/{number}`.

No project has such a name, so that nothing takes them for uploads.
"""

DERIVED_PREFIX: Final = ".derived/"
"""Where what is derived on request is kept, in production. No project has such a name."""


def input_key(project: str, asset: str, created_at: datetime) -> str:
    """The upload's key: `{project}/{yyyy}/{mm}/{dd}/{id}` in the input bucket."""
    return f"{project}/{created_at.astimezone(UTC):%Y/%m/%d}/{asset}"


def asset_prefix(project: str, asset: str) -> str:
    """Every production object of an asset begins with this."""
    return f"{project}/{asset}/"


def derived_prefix(project: str, source: str) -> str:
    """Everything derived on request from a source begins with this, in production."""
    return f"{DERIVED_PREFIX}{project}/{source}/"


def attempt_prefix(project: str, asset: str, step: str, run: int, attempt: int) -> str:
    """Where one attempt at a step writes its files, in production."""
    return f"{project}/{asset}/{step}/{run}-{attempt}/"


def manifest_key(project: str, asset: str, step: str, run: int) -> str:
    """The one manifest that commits a step of a run; whoever writes it first has done the step."""
    return f"{project}/{asset}/{step}/{run}.manifest.json"


def run_of(production_key: str) -> int | None:
    """The run that wrote a file or manifest of an asset; None for a key that is not ours."""
    found = _RUN.match(production_key)
    return int(found[1]) if found else None


def archive_key(production_key: str, day: date) -> str:
    """The archive copy of a production object: a day prefix, so that a day expires at once."""
    return f"{day:%Y-%m-%d}/{production_key}"


def archive_day(key: str) -> date | None:
    """The day an archive key was written; None for a key that is not ours."""
    try:
        return date.fromisoformat(key.partition("/")[0])
    except ValueError:
        return None


def parse_input_key(key: str) -> tuple[str, str] | None:
    """(project, asset id) of an input key; None for a key that is not of our making."""
    project, _, rest = key.partition("/")
    day, _, id = rest.rpartition("/")
    return (project, id) if project and _DAY.fullmatch(day) and is_id(id) else None
