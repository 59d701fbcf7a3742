"""What a worker knows of the run it works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediakiln.model.asset import Asset, Problem
from mediakiln.model.errors import MediakilnError
from mediakiln.model.kind import StepState
from mediakiln.model.messages import StepOutcome
from mediakiln.model.product import Manifest
from mediakiln.stages.process.originals import Found
from mediakiln.stages.process.plan import PlannedStep


@dataclass(slots=True)
class Run:
    """What is known of a run while it is worked on."""

    asset: Asset
    planned: Mapping[str, PlannedStep]
    others: Found
    outcomes: dict[str, StepOutcome] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    outage: MediakilnError | None = None
    """What kept a step from being done now."""
    killed: dict[str, MediakilnError] = field(default_factory=dict)
    """Steps that the sandbox ended, and that are left to another attempt."""

    @property
    def attempt(self) -> int:
        """The number of the attempt."""
        return self.asset.attempts

    def open_steps(self) -> list[PlannedStep]:
        """The steps of which nothing is known yet, and that this attempt may still do."""
        left = set(self.killed)
        if self.asset.recipe is not None:
            left = left.union(*map(self.asset.recipe.dependants, self.killed))
        done = self.outcomes.keys() | left
        return [step for name, step in self.planned.items() if name not in done]

    def fail(self, step: str, error: MediakilnError, seconds: float | None = None) -> None:
        """The step failed; what needs it is skipped."""
        self.outcomes[step] = StepOutcome(
            state=StepState.FAILED, seconds=seconds, error=Problem.of(error, step)
        )
        if self.asset.recipe is not None:
            for name in self.asset.recipe.dependants(step) & self.planned.keys():
                self.outcomes.setdefault(name, StepOutcome(state=StepState.SKIPPED))
