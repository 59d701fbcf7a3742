"""What an operation that writes content credentials is told, and may read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mediakiln.model.asset import Asset
from mediakiln.stages.process.plan import PlannedStep

_TO_SIGN: Final = ("certificate", "key", "algorithm")
_FILES: Final = (*_TO_SIGN[:2], "anchors")


def told(
    asset: Asset, planned: PlannedStep, source: Path, credentials: Mapping[str, Any]
) -> dict[str, Any]:
    """The operator's credentials, the upload, and the steps from it to this one."""
    original = {
        "path": str(source.absolute()),
        "media_type": asset.media_type or "",
        "name": asset.name,
    }
    known = _told(planned, credentials)
    return {**known, "original": original, "steps": _before(asset, planned)}


def files(planned: PlannedStep, credentials: Mapping[str, Any]) -> list[Path]:
    """The files of the operator's that the step must read."""
    known = _told(planned, credentials)
    return [Path(known[name]) for name in _FILES if name in known]


def _told(planned: PlannedStep, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """The key goes to nobody who only reads."""
    withheld = _TO_SIGN if planned.params.get("mode") == "read" else ()
    return {name: value for name, value in credentials.items() if name not in withheld}


def _before(asset: Asset, planned: PlannedStep) -> list[dict[str, Any]]:
    """Operations and parameters, the oldest first."""
    steps = asset.recipe.steps if asset.recipe else {}
    found: list[dict[str, Any]] = []
    name = planned.step.parent
    while name is not None:
        found.insert(0, {"operation": steps[name].op, "params": steps[name].params})
        name = steps[name].parent
    return found
