"""What an asset's page says of its images on request: whether, with which presets, for whom."""

from dataclasses import dataclass
from typing import Final

from mediakiln.model.access import Principal, Scope
from mediakiln.model.kind import AssetState, Kind
from mediakiln.web.api.schemas import AssetOut
from mediakiln.web.services import Services

FITS: Final = {
    "inside": "Inside the box, whole",
    "cover": "Fill the box, crop",
    "contain": "Inside the box, pad",
    "fill": "Stretch",
    "outside": "Around the box, whole",
}
"""Ways to fit an image into a box, and what people read."""
PLACES: Final = {
    "centre": "Middle",
    "north": "Top",
    "north-east": "Top right",
    "east": "Right",
    "south-east": "Bottom right",
    "south": "Bottom",
    "south-west": "Bottom left",
    "west": "Left",
    "north-west": "Top left",
}
FOUND: Final = {
    "attention": "What catches the eye",
    "entropy": "Where most is to be seen",
    "faces": "Faces",
}
"""Positions that are looked for."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset, as the page offers it."""

    name: str
    several: bool
    """It has several segments, so that options stand behind it and not beside it."""


@dataclass(frozen=True, slots=True)
class Addressing:
    """What the page needs to offer addresses of an asset's images."""

    presets: list[Preset]
    needed: bool
    """Addresses must be signed, or come with a key."""
    process: bool
    """Whoever looks may sign addresses and have images made anew."""
    fits: dict[str, str]
    places: dict[str, str]
    found: dict[str, str]


def addressing(services: Services, principal: Principal, asset: AssetOut) -> Addressing | None:
    """What is offered; None where no images are made, or of no image."""
    rules = services.image_rules
    if services.derive is None or rules is None:
        return None
    if asset.kind is not Kind.IMAGE or asset.state is AssetState.REJECTED:
        return None
    return Addressing(
        presets=[Preset(name, "/" in text.strip("/")) for name, text in rules.presets.items()],
        needed=rules.signed,
        process=principal.may(Scope.PROCESS),
        fits=FITS,
        places=PLACES,
        found=FOUND,
    )
