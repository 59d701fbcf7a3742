"""Join: two independent streams, `stored` and `finished`, merged into the record.

Nothing waits in memory: each message is one conditional update, and whichever comes last
completes the run. Messages of another run, or after the run's end, change nothing.
"""

from collections.abc import Awaitable, Callable, Mapping

from mediakiln.model.asset import Asset, Problem, RunEnd, StepProducts, StepRecord
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import NotFound
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Finished, Message, StepOutcome, Stored
from mediakiln.model.transitions import at_end, completed, with_next_running, without_open
from mediakiln.stages.ledger import Change, Ledger

Index = Callable[[Asset], Awaitable[None]]
"""Makes an asset be found by what its products say; may be called again."""


class Join:
    """Handles `stored` and `finished`.

    An asset whose run has ended is given to `index`, too: before the message is done with, so
    that it is repeated where that fails.
    """

    def __init__(
        self, ledger: Ledger, *, index: Index | None = None, clock: Clock = utc_now
    ) -> None:
        self._ledger = ledger
        self._index = index
        self._clock = clock

    async def stored(self, message: Message) -> None:
        """Add a step's products to the record."""
        event = Stored.of(message)

        def apply(asset: Asset) -> Change | None:
            if not _open(asset, event.run) or event.step in asset.arrived:
                return None
            steps = dict(asset.steps)
            steps[event.step] = StepRecord(state=StepState.DONE, seconds=event.seconds)
            after = asset.model_copy(
                update={
                    "arrived": {**asset.arrived, event.step: event.products},
                    "steps": with_next_running(steps) if asset.end is None else steps,
                }
            )
            return self._complete_if_whole(after)

        await self._merge(event.asset, apply)

    async def finished(self, message: Message) -> None:
        """Note how the run ended, and what is expected of `stored`."""
        event = Finished.of(message)

        def apply(asset: Asset) -> Change | None:
            if not _open(asset, event.run) or asset.end is not None:
                return None
            expected = {
                name: outcome.digest
                for name, outcome in event.steps.items()
                if outcome.state is StepState.DONE and outcome.digest
            }
            after = asset.model_copy(
                update={
                    "end": RunEnd(attempt=event.attempt, expected=expected, seconds=event.seconds),
                    "steps": _settled(asset.steps, event.steps, event.error),
                    "error": event.error or _first_error(event.steps),
                }
            )
            return self._complete_if_whole(after)

        await self._merge(event.asset, apply)

    async def _merge(self, id: str, apply: Callable[[Asset], Change | None]) -> None:
        try:
            asset = await self._ledger.change(id, apply)
        except NotFound:
            return
        if self._index is not None and asset.state.terminal:
            await self._index(asset)

    def _complete_if_whole(self, asset: Asset) -> Change:
        if asset.end is None or not _whole(asset.end, asset.arrived):
            return Change(asset)
        state = AssetState.READY if asset.error is None else AssetState.FAILED
        after = at_end(asset, state, now=self._clock())
        return Change(after, [completed(after)])


def _open(asset: Asset, run: int) -> bool:
    return asset.run == run and asset.state is AssetState.PROCESSING


def _whole(end: RunEnd, arrived: Mapping[str, StepProducts]) -> bool:
    return all(
        step in arrived and arrived[step].digest == digest for step, digest in end.expected.items()
    )


def _settled(
    steps: Mapping[str, StepRecord], outcomes: Mapping[str, StepOutcome], error: Problem | None
) -> dict[str, StepRecord]:
    """Every step as it ended. With an error of the whole run, what was open is skipped."""
    known = {
        name: StepRecord(state=outcome.state, seconds=outcome.seconds, error=outcome.error)
        for name, outcome in outcomes.items()
        if name in steps
    }
    rest = dict(steps) if error is None else without_open(steps)
    return {name: known.get(name, step) for name, step in rest.items()}


def _first_error(outcomes: Mapping[str, StepOutcome]) -> Problem | None:
    errors = (outcome.error for outcome in outcomes.values())
    return next((error for error in errors if error is not None), None)
