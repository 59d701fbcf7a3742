"""Recipes: what an uploader asks to be done, as a small graph of steps.

The structure is checked here; what each step's operation accepts is checked where operations
are known (`ports.operation.OperationSet.check`).
"""

import re
from graphlib import CycleError, TopologicalSorter
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mediakiln.model.errors import InvalidRecipe

MAX_STEPS = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Step(BaseModel):
    """One step: an operation, whose product it works on, and the operation's parameters."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    op: str = Field(description="The operation's name, such as image.resize.")
    source: str | None = Field(
        default=None,
        alias="from",
        description="Work on this step's product (step or step/file) instead of the upload.",
    )

    @property
    def params(self) -> dict[str, Any]:
        """The operation's parameters, as given."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def parent(self) -> str | None:
        """The name of the step this one takes its input from."""
        return None if self.source is None else self.source.partition("/")[0]

    @property
    def parent_file(self) -> str | None:
        """The file of the parent step's products to work on; None means its only or first one."""
        return None if self.source is None else self.source.partition("/")[2] or None

    def to_json(self) -> dict[str, Any]:
        """The step as it is written in a recipe."""
        head: dict[str, Any] = {"op": self.op}
        if self.source is not None:
            head["from"] = self.source
        return head | self.params


class Recipe(BaseModel):
    """A named or inline graph of steps, keyed by step name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, description="The preset this came from, if any.")
    version: int = Field(default=1, ge=1, description="Raised when a preset changes.")
    steps: dict[str, Step] = Field(description="Step name to step.")

    @model_validator(mode="after")
    def _graph_is_sound(self) -> Self:
        if not 1 <= len(self.steps) <= MAX_STEPS:
            raise InvalidRecipe(f"a recipe has 1 to {MAX_STEPS} steps", limit=MAX_STEPS)
        for name, step in self.steps.items():
            if not _NAME.fullmatch(name):
                raise InvalidRecipe(
                    f"step name {name!r} must be 1 to 64 of a-z, 0-9, '-' and '_'", step=name[:80]
                )
            if step.parent is not None and step.parent not in self.steps:
                raise InvalidRecipe(
                    f"step {name!r} takes its input from {step.parent!r}, which is no step",
                    step=name,
                    field="from",
                    allowed=sorted(set(self.steps) - {name}),
                )
        self.order()
        return self

    def order(self) -> tuple[str, ...]:
        """Step names such that each comes after the step it takes its input from."""
        graph = {name: {s.parent} if s.parent else set() for name, s in self.steps.items()}
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            ring = " -> ".join(error.args[1])
            raise InvalidRecipe(f"the steps form a ring: {ring}", field="from") from None

    def dependants(self, step: str) -> frozenset[str]:
        """Every step that needs `step`, directly or through others."""
        found: set[str] = set()
        for name in self.order():
            if self.steps[name].parent in {step, *found}:
                found.add(name)
        return frozenset(found)

    def to_json(self) -> dict[str, Any]:
        """The recipe as a client would write it."""
        head = {"name": self.name, "version": self.version} if self.name else {}
        return head | {"steps": {name: step.to_json() for name, step in self.steps.items()}}
