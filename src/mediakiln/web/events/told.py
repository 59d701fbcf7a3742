"""What is told of an asset, and what a listener wants to hear."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState, Kind


@dataclass(frozen=True, slots=True)
class Told:
    """An asset's state, ready to be sent."""

    id: str
    """Sorts by time; what `Last-Event-ID` brings back."""
    data: str
    """JSON in one line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listener wants to hear of; what is empty does not matter."""

    states: frozenset[AssetState] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    assets: frozenset[str] = frozenset()

    def takes(self, asset: Asset) -> bool:
        """Whether an asset is of interest."""
        return (
            (not self.states or asset.state in self.states)
            and (not self.kinds or asset.kind in self.kinds)
            and (not self.assets or asset.id in self.assets)
        )


def moment_of(event: str) -> datetime | None:
    """When the state was written that an event told of; None for an id that is not ours."""
    micros, _, asset = event.partition("-")
    if not asset or not micros.isdecimal() or not micros.isascii() or len(micros) > len("1" * 18):
        return None
    try:
        return datetime.fromtimestamp(int(micros) / 1e6, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def told_of(asset: Asset) -> Told:
    """An asset's state as an event."""
    data: dict[str, Any] = {
        "id": asset.id,
        "project": asset.project,
        "state": asset.state,
        "run": asset.run,
        "kind": asset.kind,
        "media_type": asset.media_type,
        "name": asset.name,
        "uploader": asset.uploader,
        "bytes": asset.bytes,
        "error": asset.error.model_dump() if asset.error is not None else None,
        "at": asset.updated_at.isoformat(),
        "url": f"/v1/assets/{asset.id}",
    }
    micros = int(asset.updated_at.timestamp() * 1e6)
    return Told(f"{micros}-{asset.id}", json.dumps(data, separators=(",", ":")))


def deadline(seconds: float) -> Callable[[], bool]:
    """Answers whether so many seconds have passed since now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end
