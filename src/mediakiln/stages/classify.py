"""Classify: say what a file is, check the recipe against it, send the job to its kind's queue."""

import mimetypes
from typing import Any, Protocol

from mediakiln.model.asset import Asset, Problem, StepRecord
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import (
    MediakilnError,
    ObjectMissing,
    RecipeKindMismatch,
    SourceChanged,
    UnsupportedMedia,
)
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.media_types import plain, says_nothing
from mediakiln.model.messages import Job, Message, Received
from mediakiln.model.recipe import Recipe
from mediakiln.model.transitions import at_end, completed
from mediakiln.ports.detector import Detection, Detector
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.ledger import Change, Ledger
from mediakiln.stages.recipes import RecipeBook

_TYPES = mimetypes.MimeTypes(filenames=())


class Names(Protocol):
    """Makes assets be found by what they are called."""

    async def enter(self, asset: Asset) -> None:
        """Before the record is written."""
        ...

    async def leave(self, asset: Asset) -> None:
        """Where the record turns out to be deleted."""
        ...


class Classify:
    """Handles `received`. Files of `heavy_bytes` or more take the slow lane."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        detector: Detector,
        recipes: RecipeBook,
        *,
        names: Names | None = None,
        heavy_bytes: int = 256 * 1024 * 1024,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._detector = detector
        self._recipes = recipes
        self._names = names
        self._heavy_bytes = heavy_bytes
        self._clock = clock

    async def __call__(self, message: Message) -> None:
        """Move the record from `received` to `processing` with its job, or to `rejected`."""
        event = Received.of(message)
        asset = await self._ledger.catalog.get(event.asset)
        if asset is None:
            return
        after = asset
        if _stands(asset, event.run):
            if self._names is not None:
                await self._names.enter(asset)
            after = await self._settle(asset, event.run)
        if self._names is not None and after.state is AssetState.DELETING:
            await self._names.leave(asset)

    async def _settle(self, asset: Asset, run: int) -> Asset:
        """The record as it stands once the file is classified or refused."""
        try:
            found = await self._detect(asset)
            recipe = self._recipe(asset, found)
        except MediakilnError as error:
            if error.retryable:
                raise
            return await self._reject(asset, run, error)
        return await self._dispatch(asset, run, found, recipe)

    async def _detect(self, asset: Asset) -> Detection:
        if asset.kind is not None:
            return Detection(asset.media_type, asset.kind, metadata=asset.metadata)
        info = await self._store.head(Bucket.INPUT, asset.source.key)
        if info is None:
            raise ObjectMissing("the uploaded object is gone", key=asset.source.key)
        if asset.replaced(info.etag):
            raise SourceChanged(key=asset.source.key)
        found = await self._detector.inspect(
            _Stored(self._store, asset.source.key, info.size),
            name=asset.name,
            declared=asset.declared_type,
        )
        if found.kind is None or found.media_type is None:
            raise UnsupportedMedia(
                found.refused or f"the file is {found.media_type or 'of an unknown type'}",
                media_type=found.media_type,
            )
        return found

    def _recipe(self, asset: Asset, found: Detection) -> Recipe:
        kind, media_type = found.kind, found.media_type
        if kind is None or media_type is None:
            raise UnsupportedMedia
        recipe = asset.recipe or self._recipes.default(kind)
        self._recipes.operations.check(recipe)
        roots = [step for step in recipe.steps.values() if step.source is None]
        if not any(self._recipes.operations.applies(step, media_type) for step in roots):
            takes = sorted({t for step in roots for t in self._takes(step.op)})
            raise RecipeKindMismatch(
                f"the file is {media_type} ({kind}), which no step of the recipe takes: "
                + ", ".join(f"{name} is {step.op}" for name, step in recipe.steps.items()),
                allowed=takes,
                kind=kind,
                media_type=media_type,
            )
        return recipe

    def _takes(self, op: str) -> tuple[str, ...]:
        return self._recipes.operations.get(op).accepts

    async def _dispatch(self, asset: Asset, run: int, found: Detection, recipe: Recipe) -> Asset:
        kind = found.kind
        if kind is None:
            raise UnsupportedMedia
        steps = self._steps(recipe, found.media_type or "")
        heavy = self._heavy(asset, recipe)
        job = Job(asset=asset.id, project=asset.project, run=run, kind=kind, heavy=heavy)

        def apply(latest: Asset) -> Change | None:
            if not _stands(latest, run):
                return None
            after = latest.model_copy(
                update={
                    "state": AssetState.PROCESSING,
                    "kind": kind,
                    "media_type": found.media_type,
                    "metadata": {**found.metadata, **_disagreement(latest, found.media_type)},
                    "heavy": heavy,
                    "recipe": recipe,
                    "steps": steps,
                    "due_at": self._clock() + self._ledger.stall_after,
                }
            )
            return Change(after, [job])

        return await self._ledger.change(asset.id, apply, known=asset)

    def _steps(self, recipe: Recipe, media_type: str) -> dict[str, StepRecord]:
        """Every step pending, but for those that do not apply and those that need them."""
        steps: dict[str, StepRecord] = {}
        for name in recipe.order():
            step = recipe.steps[name]
            if step.parent is None:
                applies = self._recipes.operations.applies(step, media_type)
            else:
                applies = steps[step.parent].state is StepState.PENDING
            steps[name] = StepRecord(state=StepState.PENDING if applies else StepState.SKIPPED)
        return {name: steps[name] for name in recipe.steps}

    def _heavy(self, asset: Asset, recipe: Recipe) -> bool:
        operations = self._recipes.operations
        return asset.bytes >= self._heavy_bytes or any(
            operations.get(step.op).capabilities.heavy for step in recipe.steps.values()
        )

    async def _reject(self, asset: Asset, run: int, error: MediakilnError) -> Asset:
        problem = Problem.of(error)

        def apply(latest: Asset) -> Change | None:
            if not _stands(latest, run):
                return None
            found = latest.model_copy(
                update={
                    "error": problem,
                    "kind": error.context.get("kind", latest.kind),
                    "media_type": error.context.get("media_type", latest.media_type),
                }
            )
            after = at_end(found, AssetState.REJECTED, now=self._clock())
            return Change(after, [completed(after)])

        return await self._ledger.change(asset.id, apply, known=asset)


class _Stored:
    """Random access to an object of the input bucket."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self.size = size

    async def read(self, start: int, length: int) -> bytes:
        end = min(start + length, self.size)
        if start >= end:
            return b""
        stream = self._store.stream(Bucket.INPUT, self._key, start=start, end=end)
        return b"".join([chunk async for chunk in stream])


def _stands(asset: Asset, run: int) -> bool:
    return asset.run == run and asset.state is AssetState.RECEIVED


def _disagreement(asset: Asset, media_type: str | None) -> dict[str, Any]:
    """What the name and the uploader said, where it is not what the content says."""
    said = {"name": _TYPES.guess_type(asset.name)[0], "declared": asset.declared_type}
    other = {
        who: plain(type_)
        for who, type_ in said.items()
        if type_ and not says_nothing(type_) and plain(type_) != plain(media_type or "")
    }
    return {"disagreement": other} if other else {}
