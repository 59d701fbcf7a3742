"""`mediakiln init-storage`."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from mediakiln.cli.output import console
from mediakiln.model.errors import InvalidRequest
from mediakiln.ports.multipart import FORGOTTEN_AFTER
from mediakiln.roles.engines import write_lifecycle
from mediakiln.roles.settings import Settings
from mediakiln.telemetry import log


def init_storage(
    *,
    abandoned_days: Annotated[
        int | None,
        Parameter(
            help="Days after which the parts of an unfinished upload are deleted; by default a "
            "day more than MEDIAKILN_UPLOAD_EXPIRY_S allows one to take."
        ),
    ] = None,
    cold_days: Annotated[
        int | None, Parameter(help="Days after which an archive copy moves to --cold-class.")
    ] = None,
    cold_class: Annotated[str, Parameter(help="The store's name of a cheaper class.")] = "",
) -> None:
    """Write the store's own rules: unfinished uploads end, archive copies expire or move.

    Archive copies expire after MEDIAKILN_ARCHIVE_DAYS. Rules of other hands in the buckets stay.
    Safe to run again; run it again after a change of the setting.
    """
    settings = Settings.given()
    log.set_up(level="warning")
    rules = asyncio.run(
        write_lifecycle(
            settings,
            abandoned_days=_days_of_uploads(abandoned_days),
            cold_days=cold_days,
            cold_class=cold_class,
        )
    )
    said = [f"unfinished uploads end after {rules.abandoned_days} days"]
    if rules.cold_days is not None:
        said.append(f"archive copies move to {rules.cold_class} after {rules.cold_days} days")
    said.append(f"archive copies expire after {rules.archive_days} days")
    console().print("\n".join(said), markup=False, highlight=False)


def _days_of_uploads(given: int | None) -> int:
    """After how many days no upload can be in progress any more."""
    least = FORGOTTEN_AFTER.days
    if given is not None and given < least:
        raise InvalidRequest(
            f"uploads in progress would lose their parts after {given} days",
            limit=least,
            value=given,
            hint="leave --abandoned-days out",
        )
    return least if given is None else given
