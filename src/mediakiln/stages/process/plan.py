"""The plan of a run: each step's operation, canonical parameters and product key, in order.

A product's key follows from its parent's key, so the keys of a whole recipe are known before
anything is run, and work that was done before is found by looking them up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediakiln.model.asset import Asset
from mediakiln.model.kind import StepState
from mediakiln.model.product import Lineage, product_key
from mediakiln.model.recipe import Step
from mediakiln.ports.operation import Operation, OperationSet


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step that is to be done in this run."""

    name: str
    step: Step
    operation: Operation
    params: dict[str, Any]
    """Canonical: defaults filled in."""
    key: str
    """The product key."""
    lineage: Lineage
    others: tuple[str, ...] = ()
    """Ids of other assets that it reads."""


def source_name(asset: Asset) -> str:
    """What names the upload's bytes: their checksum, else the object's key and version."""
    return asset.checksum or f"{asset.source.key}@{asset.source.version or asset.source.etag}"


def others(asset: Asset, operations: OperationSet) -> list[str]:
    """Ids of the other assets that the steps to do read."""
    if asset.recipe is None:
        return []
    return [
        id
        for name, step in asset.recipe.steps.items()
        if asset.steps[name].state is not StepState.SKIPPED
        for id in operations.get(step.op).others(step.params)
    ]


def plan(
    asset: Asset,
    operations: OperationSet,
    commands: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    models: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Any] | None = None,
) -> dict[str, PlannedStep]:
    """The steps to do, by name, each after the one it takes its input from.

    `names` names the bytes of the other assets that they read; `models` are the operator's, of
    which the checksums count, and `credentials` theirs, of which the fingerprint does.
    """
    planned: dict[str, PlannedStep] = {}
    if asset.recipe is None:
        return planned
    for name in asset.recipe.order():
        if asset.steps[name].state is StepState.SKIPPED:
            continue
        step = asset.recipe.steps[name]
        parent = None
        if step.parent is not None:
            parent = f"{planned[step.parent].key}/{step.parent_file or ''}"
        planned[name] = _planned(
            asset,
            name,
            step,
            operations.get(step.op),
            parent,
            {
                "commands": dict(commands),
                "models": {each: entry["checksum"] for each, entry in (models or {}).items()},
                "credentials": (credentials or {}).get("fingerprint"),
            },
            names or {},
        )
    return planned


def _planned(
    asset: Asset,
    name: str,
    step: Step,
    operation: Operation,
    parent: str | None,
    tables: Mapping[str, Any],
    names: Mapping[str, str],
) -> PlannedStep:
    params = operation.canonical(step.params)
    ids = operation.others(step.params)
    inputs = {id: names.get(id, "") for id in ids}
    needs = {
        "commands": operation.capabilities.configured,
        "models": operation.capabilities.models,
        "credentials": operation.capabilities.credentials,
    }
    told: dict[str, Any] = {table: tables[table] for table, needed in needs.items() if needed}
    if inputs:
        told["inputs"] = inputs
    key = product_key(
        project=asset.project,
        source=parent or source_name(asset),
        operation=operation.name,
        version=operation.version,
        params=params | told,
    )
    lineage = Lineage(
        source=source_name(asset),
        parent=parent,
        operation=operation.name,
        version=operation.version,
        params=params,
        inputs=inputs,
        models=told.get("models", {}),
    )
    return PlannedStep(name, step, operation, params, key, lineage, ids)
