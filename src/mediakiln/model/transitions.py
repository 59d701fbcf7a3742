"""Small moves of a record that more than one stage makes."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from mediakiln.model.asset import Asset, StepRecord
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Completed

TIDY_AFTER = timedelta(hours=24)
"""When `reconcile` deletes what lost attempts and older runs left in the store."""


def with_next_running(steps: dict[str, StepRecord]) -> dict[str, StepRecord]:
    """The steps with the first pending one shown as running, unless one is."""
    if any(step.state is StepState.RUNNING for step in steps.values()):
        return steps
    for name, step in steps.items():
        if step.state is StepState.PENDING:
            return {**steps, name: step.model_copy(update={"state": StepState.RUNNING})}
    return steps


def without_open(steps: Mapping[str, StepRecord]) -> dict[str, StepRecord]:
    """The steps of a run that was given up: those that had not ended are skipped."""
    skipped = StepRecord(state=StepState.SKIPPED)
    return {name: step if step.state.settled else skipped for name, step in steps.items()}


def at_end(asset: Asset, state: AssetState, *, now: datetime) -> Asset:
    """The record at the end of its run, in a terminal state.

    What arrived is published: instead of the older products if the run succeeded, else beside
    them.
    """
    older = {} if state is AssetState.READY else asset.published
    leftovers = asset.run > 1 or asset.attempts > 1
    return asset.model_copy(
        update={
            "state": state,
            "published": {**older, **asset.arrived},
            "arrived": {},
            "claim": None,
            "completed_at": now,
            "due_at": now + TIDY_AFTER if leftovers else None,
        }
    )


def completed(asset: Asset) -> Completed:
    """The event of a record that has just reached its run's end."""
    return Completed(
        asset=asset.id,
        project=asset.project,
        run=asset.run,
        state=asset.state,
        kind=asset.kind,
        media_type=asset.media_type,
        name=asset.name,
        uploader=asset.uploader,
        bytes=asset.bytes,
        products=sum(step.count for step in asset.published.values()),
        product_bytes=sum(step.total_bytes for step in asset.published.values()),
        turnaround_s=asset.turnaround_s,
        error=asset.error,
    )
