"""From planned steps to the sandbox's tasks: where each input is, and what it may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRecipe, UnsupportedMedia
from mediakiln.model.keys import Bucket
from mediakiln.model.product import Manifest, StoredFile
from mediakiln.ports.object_store import LocalFiles, ObjectStore
from mediakiln.ports.operation import Context, OperationCapabilities
from mediakiln.ports.runner import Limits, Task
from mediakiln.stages.process import provenance
from mediakiln.stages.process.plan import PlannedStep
from mediakiln.stages.process.scratch import Place

Others = Mapping[str, Path]
"""Files of other assets, by id."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks, and the files outside the scratch folder that they read."""

    tasks: Sequence[Task]
    readable: Sequence[Path]


class TaskMaker:
    """Makes tasks. Limits of 0 mean: what the operation asks for."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        commands: Mapping[str, Any] | None = None,
        models: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        max_pixels: int = 200_000_000,
        max_frames: int = 1_000,
        wall_s: float = 0.0,
        memory_mb: int = 0,
    ) -> None:
        self._store = store
        self.commands = dict(commands or {})
        self.models = dict(models or {})
        self.credentials = dict(credentials or {})
        self._max_pixels = max_pixels
        self._max_frames = max_frames
        self._wall_s = wall_s
        self._memory_mb = memory_mb

    async def make(
        self,
        asset: Asset,
        steps: Sequence[PlannedStep],
        manifests: Mapping[str, Manifest],
        source: Path,
        place: Place,
        others: Others | None = None,
    ) -> Tasks:
        """The tasks of one child: inputs that are committed already are fetched from the store."""
        tasks: list[Task] = []
        readable: list[Path] = []
        for planned in steps:
            parent = planned.step.parent
            path, media_type, name = source, asset.media_type or "", asset.name
            chained = parent is not None and parent not in manifests
            if parent is not None and not chained:
                stored = _parent_file(planned, manifests[parent])
                path, media_type, name = (
                    await self._fetch(stored, place.fetched),
                    stored.media_type,
                    stored.file,
                )
                readable.append(path)
            inputs = {id: (others or {})[id] for id in planned.others}
            readable.extend(inputs.values())
            context = self._context("" if chained else media_type, name, inputs)
            if planned.operation.capabilities.models:
                context = replace(context, models=self.models)
            if planned.operation.capabilities.credentials:
                context = replace(
                    context, credentials=provenance.told(asset, planned, source, self.credentials)
                )
                readable.extend(provenance.files(planned, self.credentials))
            tasks.append(self._task(planned, None if chained else path, place.scratch, context))
        return Tasks(tasks, readable)

    def _task(
        self, planned: PlannedStep, source: Path | None, scratch: Path, context: Context
    ) -> Task:
        """A step as the child does it; without a source, on what its parent makes there."""
        out = scratch / "out" / planned.name
        out.mkdir(parents=True)
        return Task(
            name=planned.name,
            operation=planned.operation.name,
            params=planned.params,
            out=out,
            context=context,
            limits=self._limits(planned.operation.capabilities),
            source=source,
            parent=planned.step.parent if source is None else None,
            parent_file=planned.step.parent_file if source is None else None,
        )

    async def _fetch(self, stored: StoredFile, folder: Path) -> Path:
        if isinstance(self._store, LocalFiles):
            return self._store.local_path(Bucket.PRODUCTION, stored.key)
        path = folder / "in" / stored.checksum.rpartition(":")[2]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            await self._store.download(Bucket.PRODUCTION, stored.key, path)
        return path

    def _context(self, media_type: str, name: str, inputs: Others) -> Context:
        return Context(
            media_type=media_type,
            name=name,
            max_pixels=self._max_pixels,
            max_frames=self._max_frames,
            commands=self.commands,
            inputs=inputs,
        )

    def _limits(self, wanted: OperationCapabilities) -> Limits:
        wall = self._wall_s or wanted.wall_s
        return Limits(
            wall_s=wall,
            cpu_s=max(60.0, wall * 4),
            memory_mb=self._memory_mb or wanted.memory_mb,
            scratch_mb=wanted.scratch_mb,
        )


def check_parent(planned: PlannedStep, manifests: Mapping[str, Manifest]) -> None:
    """Whether a step can take what its parent made; of parents not yet done the sandbox says so.

    Raises:
        InvalidRecipe: the parent made no such file.
        UnsupportedMedia: the step's operation does not take a file of that type.
    """
    parent = planned.step.parent
    if parent is None or parent not in manifests:
        return
    stored = _parent_file(planned, manifests[parent])
    if not planned.operation.takes(stored.media_type):
        raise UnsupportedMedia(
            f"{planned.operation.name} does not take {stored.media_type}, "
            f"which is what step {parent!r} made",
            allowed=list(planned.operation.accepts),
        )


def _parent_file(planned: PlannedStep, manifest: Manifest) -> StoredFile:
    name = planned.step.parent_file
    for file in manifest.files:
        if name is None or file.file == name:
            return file
    raise InvalidRecipe(
        f"step {manifest.step!r} made no {'file' if name is None else repr(name)}",
        field="from",
        allowed=[f"{manifest.step}/{file.file}" for file in manifest.files[:20]],
    )
