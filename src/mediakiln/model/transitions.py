"""Small moves of a record that more than one stage makes."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from mediakiln.model.asset import Asset, StepProducts, StepRecord, clipped
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Completed
from mediakiln.model.recipe import MAX_STEPS

_SHORT_BYTES = 160
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


def slim(asset: Asset) -> Asset:
    """A record that grew too large, without what can be had elsewhere or is of least use.

    File lists are in the manifests. Errors of steps keep their first words. Of the products
    that failed runs left visible, those of the newest runs stay.
    """
    newest = sorted(asset.published.items(), key=lambda item: -item[1].run)[:MAX_STEPS]
    return asset.model_copy(
        update={
            "published": {name: _unlisted(step) for name, step in newest},
            "arrived": {name: _unlisted(step) for name, step in asset.arrived.items()},
            "steps": {name: _shortened(step) for name, step in asset.steps.items()},
        }
    )


def _unlisted(step: StepProducts) -> StepProducts:
    return step.model_copy(update={"files": None})


def _shortened(step: StepRecord) -> StepRecord:
    if step.error is None:
        return step
    short = clipped(step.error.message, _SHORT_BYTES)
    return step.model_copy(update={"error": step.error.model_copy(update={"message": short})})


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
