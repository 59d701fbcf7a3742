"""Client hints: what a browser says of its screen, minded only where an address says `auto`.

Sec-CH-DPR and Sec-CH-Width as of the Responsive Image Client Hints draft, DPR and Width as older
browsers send them, Save-Data as of RFC 8674's draft kin. Values are rounded up, so that as many
images are made as differ to the eye, and not one for each width of a window.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

WIDTH: Final = ("Sec-CH-Width", "Width")
DPR: Final = ("Sec-CH-DPR", "DPR")
SAVE: Final = ("Save-Data",)
ASKED: Final = "Sec-CH-DPR, Sec-CH-Width"
"""Of Accept-CH: what a browser is asked to say."""
_WIDTH_STEP: Final = 100
_MOST_WIDTH: Final = 4_000
_DPR_STEP: Final = 0.5
_MOST_DPR: Final = 4.0


@dataclass(slots=True)
class Hints:
    """A request's hints, and which of them were asked for."""

    headers: Mapping[str, str]
    asked: list[str] = field(default_factory=list)

    def width(self) -> int | None:
        """The width in physical pixels at which the image will stand, in steps of 100."""
        value = self._number(WIDTH)
        if value is None or value < 1:
            return None
        return min(_MOST_WIDTH, math.ceil(value / _WIDTH_STEP) * _WIDTH_STEP)

    def dpr(self) -> float:
        """The device's pixels per CSS pixel, in steps of a half; 1 where data are to be saved."""
        value = self._number(DPR)
        if self.saves_data() or value is None or value <= 0:
            return 1.0
        return max(1.0, min(_MOST_DPR, math.ceil(value / _DPR_STEP) * _DPR_STEP))

    def saves_data(self) -> bool:
        """Whether the user asked for fewer bytes."""
        self._ask(SAVE)
        return self.headers.get(SAVE[0].lower(), "").strip().lower() == "on"

    def _number(self, names: tuple[str, ...]) -> float | None:
        self._ask(names)
        for name in names:
            try:
                value = float(self.headers.get(name.lower(), ""))
            except ValueError:
                continue
            if math.isfinite(value):
                return value
        return None

    def _ask(self, names: tuple[str, ...]) -> None:
        self.asked += [name for name in names if name not in self.asked]
