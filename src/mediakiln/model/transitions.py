"""Small moves of a record that more than one stage makes."""

from mediakiln.model.asset import Asset, StepRecord
from mediakiln.model.kind import StepState
from mediakiln.model.messages import Completed


def with_next_running(steps: dict[str, StepRecord]) -> dict[str, StepRecord]:
    """The steps with the first pending one shown as running, unless one is."""
    if any(step.state is StepState.RUNNING for step in steps.values()):
        return steps
    for name, step in steps.items():
        if step.state is StepState.PENDING:
            return {**steps, name: step.model_copy(update={"state": StepState.RUNNING})}
    return steps


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
