"""Runners: carry out one job's operations where they can hurt nobody else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mediakiln.model.errors import MediakilnError
from mediakiln.model.product import Product
from mediakiln.ports.operation import Context


@dataclass(frozen=True, slots=True)
class RunnerCapabilities:
    """Which protections are active here; `doctor` shows them."""

    isolated_files: bool
    """A job can touch only its scratch folder and read its inputs (Landlock)."""
    isolated_network: bool
    isolated_process: bool
    """A crash, hang or memory bomb of a job harms only that job."""
    detail: tuple[tuple[str, str], ...] = ()
    """(protection, active | why not), for people."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may use."""

    wall_s: float = 20.0
    cpu_s: float = 60.0
    memory_mb: int = 2048
    """Summed over the process group."""
    scratch_mb: int = 2048
    open_files: int = 256
    asks: int = 16
    """Questions to models outside the sandbox."""
    answers_s: float = 60.0
    """Seconds it may wait for their answers, all together; they are not part of `wall_s`."""


@dataclass(frozen=True, slots=True)
class Task:
    """One operation on one file.

    `source` is an absolute path, or None: then the product `parent_file` (None: the first) of
    the task named `parent` earlier in the same job. A task whose parent failed is not run.
    """

    name: str
    operation: str
    params: dict[str, Any]
    out: Path
    """An existing, empty folder inside the job's scratch folder."""
    context: Context
    limits: Limits
    source: Path | None = None
    parent: str | None = None
    parent_file: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model outside the sandbox says."""

    told: Mapping[str, Any]
    """Plain JSON, for the operation."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Versions of what gave the answer, for the lineage."""


Answers = Callable[[str, bytes], Awaitable[Answer]]
"""Asks the model of this name about the bytes of a file. Raises EngineError where it may answer
later, and other errors of ours; it is cancelled when the job ends before."""


@dataclass(frozen=True, slots=True)
class Work:
    """The tasks of one job, in order; all of one project."""

    project: str
    scratch: Path
    tasks: Sequence[Task]
    readable: Sequence[Path] = ()
    """Files outside the scratch folder that the job may read."""
    kept: Path | None = None
    """An empty folder that the job can neither read nor write, on the scratch folder's file
    system: finished products get a second name there. None: they are in their `out` folder alone,
    where a living child can put anything in their place."""
    answers: Answers | None = None
    """Who answers its questions to the models that tasks' contexts have with `wanted`."""


@dataclass(frozen=True, slots=True)
class Made:
    """A product, as large as reported."""

    product: Product
    path: Path
    """Below the work's `kept` folder, if it has one. The file is the one that was reported; a
    living child can still write to it."""
    bytes: int
    checksum: str
    """`blake3:` and 64 hexadecimal digits, as the child says."""


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The task began."""

    name: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """The task made its products."""

    name: str
    seconds: float
    made: Sequence[Made]
    tools: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The operation refused or raised: the same file will give the same error."""

    name: str
    seconds: float
    error: MediakilnError
    passing: bool = False
    """Unlike others: a question was not answered, and `error` says why; later it may be."""


@dataclass(frozen=True, slots=True)
class TaskKilled:
    """The sandbox ended the child during this task, or it died. Always the last report."""

    name: str
    seconds: float
    error: MediakilnError
    """A `SandboxKill`."""


Report = TaskStarted | TaskDone | TaskFailed | TaskKilled


class Room(Protocol):
    """A child of one project, and the folders it may use, lent for one job."""

    @property
    def scratch(self) -> Path:
        """The job's scratch folder."""
        ...

    @property
    def out(self) -> Path:
        """An existing, empty folder in it, for a task's products."""
        ...

    async def lend(self, files: Sequence[Path]) -> list[Path]:
        """Make files readable in the room; where they are there, unchangeable.

        Raises:
            OSError: one can be neither linked nor copied there.
        """
        ...

    def run(self, work: Work) -> AsyncIterator[Report]:
        """As `Runner.run`, once, in the room's child and folders; products stay in `out`."""
        ...

    async def take(self, made: Made, most: int) -> bytes | None:
        """The bytes of a product that lies in `out`, if they are no more than `most`.

        None where they are more: then the child is ended first, so that nobody can change the
        file at `made.path` any more. A living child can, and is not believed to leave it alone.

        Raises:
            OperationFailed: the file is not what was reported.
        """
        ...


class Runner(Protocol):
    """Runs jobs; many at once."""

    @property
    def capabilities(self) -> RunnerCapabilities:
        """Which protections are active."""
        ...

    async def start(self) -> None:
        """Be ready to run (start the zygote). Safe to call again; `run` does it if need be."""
        ...

    def run(self, work: Work) -> AsyncIterator[Report]:
        """Run the tasks in one child, reporting each as it goes.

        Closing the iterator early ends the child. Tasks after a `TaskKilled` were not run.
        """
        ...

    def room(self, project: str) -> AbstractAsyncContextManager[Room]:
        """A child that may have done other jobs of the project, and may go on to more.

        For many small jobs, which cost less so; but what one of them left in the child's memory,
        the next one meets. A child whose job did not end well serves no other.

        Raises:
            EngineMisconfigured: this runner was given no place for rooms.
        """
        ...

    async def close(self) -> None:
        """End every child and wait for it."""
        ...
