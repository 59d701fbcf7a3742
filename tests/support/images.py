"""Images on request whose making is in the test's hands."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from mediakiln.model.errors import MediakilnError, SandboxKill
from mediakiln.model.ids import new_id
from mediakiln.model.product import Product
from mediakiln.operations.image.edit.table import EDITS
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.ports.runner import (
    Made,
    Report,
    Room,
    Runner,
    RunnerCapabilities,
    Task,
    TaskDone,
    TaskFailed,
    TaskKilled,
    TaskStarted,
    Work,
)
from mediakiln.stages.derive import (
    Derive,
    Judge,
    Lane,
    Maker,
    Making,
    Planner,
    Shelf,
    Slowness,
    SourceFiles,
)
from mediakiln.stages.process.scratch import Scratch
from mediakiln.web.derive.rules import ImageRules
from support.world import World

KEY = b"a key that signs addresses"


@dataclass(frozen=True)
class Studio:
    """Where a painter paints."""

    scratch: Path
    painter: "Painter"

    @property
    def out(self) -> Path:
        """As good as any."""
        return self.scratch

    async def lend(self, files: Sequence[Path]) -> list[Path]:
        """Where they lie they can be seen."""
        return list(files)

    def run(self, work: Work) -> AsyncIterator[Report]:
        """Paint one image."""
        return self.painter.run(work)

    async def take(self, made: Made, most: int) -> bytes | None:
        """What was painted."""
        return made.path.read_bytes() if made.bytes <= most else None


class Painter:
    """A runner whose images are their own parameters, made when `go` is set."""

    capabilities = RunnerCapabilities(
        isolated_files=False, isolated_network=False, isolated_process=False
    )

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: MediakilnError | None = None
        self.painted = (3, 2)
        """Width and height that it says its images have."""

    async def start(self) -> None:
        """Nothing to start."""

    async def run(self, work: Work) -> AsyncIterator[Report]:
        """Paint one image."""
        task = work.tasks[0]
        self.tasks.append(task)
        yield TaskStarted(task.name)
        await self.go.wait()
        if isinstance(self.error, SandboxKill):
            yield TaskKilled(task.name, 0.1, self.error)
            return
        if self.error is not None:
            yield TaskFailed(task.name, 0.1, self.error)
            return
        format = task.params["format"]
        format = "jpeg" if format in {"auto", "compatible"} else format
        width, height = self.painted
        told = {"format": format, "width": width, "height": height}
        product = Product(
            file=f"image.{format}",
            media_type=f"image/{format}",
            metadata=told | {"original": {"width": 96, "height": 64, "format": "jpeg"}},
        )
        path = task.out / product.file
        data = json.dumps(task.params, sort_keys=True).encode()
        path.write_bytes(data)
        checksum = f"blake3:{blake3(data).hexdigest()}"
        yield TaskDone(task.name, 0.1, [Made(product, path, len(data), checksum)])

    @asynccontextmanager
    async def room(self, project: str) -> AsyncIterator[Room]:
        """A folder of its own for every image."""
        with tempfile.TemporaryDirectory(prefix=project) as folder:
            yield Studio(Path(folder), self)

    async def close(self) -> None:
        """Nothing to close."""


def a_derive(
    world: World, runner: Runner, *, workers: int = 4, waiting: int = 4, **more: Any
) -> Derive:
    """The stage over a world's engines; each call is a replica of its own."""
    scratch = Scratch(world.tmp / "images", owner=f"images-{new_id()}")
    scratch.open()
    return Derive(
        planner=Planner(transform, formats=("avif", "webp")),
        shelf=Shelf(world.catalog, world.store, clock=world.clock),
        files=SourceFiles(
            world.store,
            scratch.folder,
            Lane("fetch", workers=1, most_waiting=waiting),
            max_bytes=more.get("source_bytes", 10**9),
        ),
        maker=Maker(runner, "image.transform", Making()),
        judge=Judge(Slowness()),
        fast=Lane("fast", workers=workers, most_waiting=waiting),
        slow=Lane("slow", workers=workers, most_waiting=waiting),
        store=world.store,
        ledger=world.ledger,
    )


def the_rules(**given: Any) -> ImageRules:
    """Rules of addresses, with the edits that there are."""
    plain: dict[str, Any] = {
        "edits": {name: edit.params for name, edit in EDITS.items()},
        "encoding": Encoding,
        "keys": (KEY,),
    }
    return ImageRules(**plain | given)
