"""Operations: pure functions over files, with typed parameters.

An operation sees a source path, its parameters and a folder to write to; never a queue, a
bucket or a database. Heavy imports belong inside the function; `preload` names the modules
that a warm worker imports ahead of time.
"""

import fnmatch
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast, get_type_hints

from pydantic import ConfigDict, ValidationError

from mediakiln.model.errors import EngineMisconfigured, InvalidRecipe, ModelUnavailable
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.model.recipe import Recipe, Step
from mediakiln.ports.mistakes import Exact, meant, mistake

ENTRY_POINT_GROUP = "mediakiln.operations"


class Params(Exact):
    """The base of every operation's parameters: frozen, and nothing unknown gets in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Ask = Callable[[str, Path], Mapping[str, Any]]
"""Takes a model's name and a file in the job's scratch folder; gives what the model says of it."""


def nobody(model: str, file: Path) -> Mapping[str, Any]:
    """Answers where there is no way out of the sandbox: by `ModelUnavailable`."""
    del file
    raise ModelUnavailable(f"the model {model!r} cannot be asked from here")


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may know beyond its parameters: limits, the operator's commands, models."""

    media_type: str
    """Of the source."""
    name: str = ""
    """The source's own name, for formats that only their extension tells apart."""
    max_pixels: int = 200_000_000
    """Pixels of one decoded frame or page."""
    max_frames: int = 1_000
    """Frames or pages of one file."""
    threads: int = 1
    commands: Mapping[str, Any] = field(default_factory=dict)
    """The operator's `custom.command` table, as configured."""
    models: Mapping[str, Any] = field(default_factory=dict)
    """The operator's models, told only to operations with that capability: name to `checksum`, and
    either `folder`, which is readable, or `wanted`, how those that are asked want to see images."""
    credentials: Mapping[str, Any] = field(default_factory=dict)
    """The operator's `certificate`, `key`, `algorithm` and `anchors` (readable files), the upload
    (`original`), and the `steps` before; told only to operations with that capability."""
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """Files of other assets that the parameters name, by asset id."""
    again: bool = False
    """A later step of the job runs this operation on the same file: pixels are worth keeping."""
    ask: Ask = nobody
    """Asks one of the models that have `wanted`; waits for the answer, and raises what it met."""


@dataclass(frozen=True, slots=True)
class OperationCapabilities:
    """What the pipeline must know to run it well."""

    heavy: bool = False
    """Belongs in the slow lane."""
    wall_s: float = 20.0
    """Wall-clock seconds it may run by default."""
    memory_mb: int = 2048
    """Memory of its process group by default."""
    scratch_mb: int = 2048
    """What it may write by default."""
    preload: tuple[str, ...] = ()
    """Modules that a warm worker imports ahead of time; they must start no thread."""
    tools: tuple[str, ...] = ()
    """Distributions whose versions belong in the lineage of its products."""
    configured: bool = False
    """Its result depends on the operator's command table, `Context.commands`."""
    models: bool = False
    """Its result depends on the operator's models, `Context.models`."""
    credentials: bool = False
    """It may sign with the operator's key, `Context.credentials`: no other job can read that."""


Function = Callable[..., Iterable[Product]]
Inputs = Callable[[Any], Iterable[str]]
"""Takes parsed parameters; gives the ids of other assets that the operation reads."""
Check = Callable[[Any, Mapping[str, Any]], object]
"""Takes parsed parameters and a table of the operator's: models, of which only the names are known,
where the operation has that capability, else commands; raises InvalidRecipe."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as the registry knows it. `kind` None applies to every kind."""

    name: str
    kind: Kind | None
    accepts: tuple[str, ...]
    produces: tuple[str, ...]
    params: type[Params]
    function: Function
    version: int
    summary: str
    capabilities: OperationCapabilities
    check: Check | None = None
    """What its parameters' model cannot know: whether the operator's table has what they name."""
    inputs: Inputs | None = None
    """Which other assets it reads, of the same project."""

    def takes(self, media_type: str) -> bool:
        """Whether a file of this media type can be its source."""
        return any(fnmatch.fnmatchcase(media_type, pattern) for pattern in self.accepts)

    def parse(self, params: Mapping[str, Any]) -> Params:
        """Validate parameters.

        Raises:
            InvalidRecipe: names the field and what is allowed.
        """
        try:
            return self.params.model_validate(params)
        except ValidationError as error:
            raise mistake(self.name, self.params, error) from None

    def others(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The ids of other assets that it reads with these parameters.

        Raises:
            InvalidRecipe: as `parse`.
        """
        return tuple(self.inputs(self.parse(params))) if self.inputs else ()

    def canonical(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with defaults filled in: equal work has equal canonical parameters."""
        return self.parse(params).model_dump(mode="json")

    def run(
        self, source: Path, params: Mapping[str, Any], out: Path, context: Context
    ) -> list[Product]:
        """Call the function in this process; the sandbox does this inside a child."""
        parsed = self.parse(params)
        if "context" in inspect.signature(self.function).parameters:
            return list(self.function(source, parsed, out, context=context))
        return list(self.function(source, parsed, out))

    def describe(self) -> dict[str, Any]:
        """Its public description, with the JSON Schema of its parameters."""
        return {
            "name": self.name,
            "kind": self.kind,
            "summary": self.summary,
            "version": self.version,
            "accepts": list(self.accepts),
            "produces": list(self.produces),
            "heavy": self.capabilities.heavy,
            "parameters": self.params.model_json_schema(),
        }


def operation(
    name: str,
    kind: Kind | None,
    *,
    accepts: Sequence[str],
    produces: Sequence[str],
    version: int = 1,
    capabilities: OperationCapabilities | None = None,
    check: Check | None = None,
    inputs: Inputs | None = None,
) -> Callable[[Function], Operation]:
    """Make an `Operation` of a function `(source, params, out[, *, context]) -> Products`.

    The second argument's annotation is its parameters' model; the docstring's first line its
    summary. Raise `version` whenever equal parameters would give other bytes than before.
    """

    def decorate(function: Function) -> Operation:
        model = get_type_hints(function).get("params")
        if not (isinstance(model, type) and issubclass(model, Params)):
            raise TypeError(f"{name}: annotate `params` with a subclass of Params")
        return Operation(
            name=name,
            kind=kind,
            accepts=tuple(accepts),
            produces=tuple(produces),
            params=model,
            function=function,
            version=version,
            summary=(inspect.getdoc(function) or "").partition("\n")[0],
            capabilities=capabilities or OperationCapabilities(),
            check=check,
            inputs=inputs,
        )

    return decorate


class OperationSet:
    """The operations that are installed, by name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = {item.name: item for item in operations}

    @classmethod
    def installed(cls) -> "OperationSet":
        """Every operation that an installed distribution offers by entry point.

        Raises:
            EngineMisconfigured: one cannot be imported; names its distribution.
        """
        return cls(_loaded(entry) for entry in entry_points(group=ENTRY_POINT_GROUP))

    def __iter__(self) -> Iterator[Operation]:
        return iter(sorted(self._operations.values(), key=lambda item: item.name))

    def __contains__(self, name: object) -> bool:
        return name in self._operations

    def get(self, name: str) -> Operation:
        """The operation of that name.

        Raises:
            InvalidRecipe: there is none.
        """
        try:
            return self._operations[name]
        except KeyError:
            raise InvalidRecipe(
                f"there is no operation {name!r}",
                field="op",
                allowed=sorted(self._operations),
                hint=meant(name, self._operations),
            ) from None

    def check(
        self,
        recipe: Recipe,
        commands: Mapping[str, Any] | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        """Validate every step's operation and parameters.

        Against `commands` and `models`, the operator's, where these are known.

        Raises:
            InvalidRecipe: names the step, the field and what is allowed.
        """
        for name, step in recipe.steps.items():
            try:
                item = self.get(step.op)
                params = item.parse(step.params)
                table = models if item.capabilities.models else commands
                if item.check is not None and table is not None:
                    item.check(params, table)
            except InvalidRecipe as error:
                raise InvalidRecipe(
                    f"step {name!r}: {error.message}", **{**error.context, "step": name}
                ) from None
        for name, step in recipe.steps.items():
            self._check_chain(recipe, name, step)

    def _check_chain(self, recipe: Recipe, name: str, step: Step) -> None:
        if step.parent is None:
            return
        taker, maker = self.get(step.op), self.get(recipe.steps[step.parent].op)
        if not any("*" in made or taker.takes(made) for made in maker.produces):
            raise InvalidRecipe(
                f"step {name!r}: {taker.name} takes nothing that {maker.name} makes",
                step=name,
                field="from",
                allowed=list(taker.accepts),
            )

    def applies(self, step: Step, media_type: str) -> bool:
        """Whether a step that works on the upload itself can work on this media type."""
        return self.get(step.op).takes(media_type)


def _loaded(entry: EntryPoint) -> Operation:
    try:
        return cast("Operation", entry.load())
    except Exception as error:
        source = entry.dist.name if entry.dist else "a distribution"
        raise EngineMisconfigured(
            f"the operation {entry.name} of {source} cannot be imported: "
            f"{type(error).__name__}: {error}",
            hint=f"mend or uninstall it: pip uninstall {source}",
        ) from error
