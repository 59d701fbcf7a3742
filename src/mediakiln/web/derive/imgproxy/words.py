"""Arguments of imgproxy's options: numbers, switches, colours, gravities."""

import re
from dataclasses import dataclass
from typing import Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.ports.mistakes import meant
from mediakiln.ports.wording import plain

POSITIONS: Final = {
    "ce": "centre",
    "no": "north",
    "noea": "north-east",
    "ea": "east",
    "soea": "south-east",
    "so": "south",
    "sowe": "south-west",
    "we": "west",
    "nowe": "north-west",
}
"""imgproxy's gravities and ours."""

_ON: Final = frozenset({"1", "t", "T", "true", "True", "TRUE"})
_HEX: Final = re.compile(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}")
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Gravity:
    """Where a smaller rectangle lies: at a position with offsets, or around a focal point."""

    position: str = "centre"
    x: float = 0.0
    y: float = 0.0
    focal: bool = False

    def placed(self, dpr: float = 1.0) -> dict[str, object]:
        """As parameters of `image.crop` and `image.resize`."""
        if self.focal:
            return {"focus_x": self.x, "focus_y": self.y}
        return {"position": self.position, **self.offsets(dpr)}

    def around(
        self, inner: tuple[int, int], outer: tuple[int, int], dpr: float
    ) -> dict[str, object]:
        """As parameters of `image.pad`, which lays `inner` on `outer`; both in pixels."""
        if not self.focal:
            return self.placed(dpr)
        left, top = (
            max(0, min(round(whole * share) - part // 2, whole - part))
            for whole, part, share in zip(outer, inner, (self.x, self.y), strict=True)
        )
        return {"position": "north-west", "offset_x": left, "offset_y": top}

    def offsets(self, dpr: float = 1.0) -> dict[str, object]:
        """The offsets alone."""
        shifts = {"offset_x": shifted(self.x, dpr), "offset_y": shifted(self.y, dpr)}
        return {name: shift for name, shift in shifts.items() if shift}


def shifted(length: float, dpr: float) -> int | str:
    """An offset: below 1 it is a share of the side, as imgproxy has it."""
    if 0 < abs(length) < 1:
        return f"{length * _PERCENT:g}%"
    return round(length * dpr)


def number(
    option: str, text: str, low: float = 0.0, high: float = 1e6, *, whole: bool = False
) -> float:
    """A number within bounds.

    Raises:
        InvalidRequest: it is none, or out of bounds.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise wrong(option, text, [f"{kind} from {plain(low)} to {plain(high)}"])
    return value


def switch(text: str) -> bool:
    """1, t, T, true, True, TRUE; as in imgproxy, anything else is off."""
    return text in _ON


def colour(option: str, arguments: list[str]) -> str | None:
    """`ff8000`, or 255, 128, 0; None where nothing is given.

    Raises:
        InvalidRequest: it is no colour.
    """
    if arguments in ([], [""]):
        return None
    if len(arguments) == 1 and _HEX.fullmatch(arguments[0]):
        return f"#{arguments[0].lower()}"
    if len(arguments) == len("rgb"):
        channels = [int(number(option, one, 0, 255, whole=True)) for one in arguments]
        return f"#{bytes(channels).hex()}"
    raise wrong(option, ":".join(arguments), ["rrggbb", "red:green:blue"])


def gravity(option: str, arguments: list[str], before: Gravity | None = None) -> Gravity:
    """`no`, `soea:10:20`, `fp:0.5:0.3`, `sm`; offsets that are not given are those of `before`.

    Raises:
        InvalidRequest: it is none.
    """
    kind, *rest = arguments
    if kind == "fp":
        if len(rest) != len("xy"):
            raise wrong(option, ":".join(arguments), ["fp:x:y"])
        return Gravity(x=number(option, rest[0], 0, 1), y=number(option, rest[1], 0, 1), focal=True)
    if kind == "sm":
        if rest:
            raise wrong(option, ":".join(arguments), ["sm"])
        return Gravity("attention")
    if (kind, rest) == ("obj", ["face"]):
        return Gravity("faces")
    if kind not in POSITIONS or len(rest) > len("xy"):
        raise wrong(option, kind, [*POSITIONS, "fp:x:y", "sm", "obj:face"])
    usual = (0.0, 0.0) if before is None else (before.x, before.y)
    x, y = (
        number(option, one, -1e6, 1e6) if one else offset
        for one, offset in zip([*rest, "", ""][:2], usual, strict=True)
    )
    return Gravity(POSITIONS[kind], x, y)


def wrong(option: str, value: str, allowed: list[str]) -> InvalidRequest:
    """The error for an argument that an option does not take."""
    return InvalidRequest(
        f"{option} cannot be {value[:64]!r}",
        field=option,
        value=value[:64],
        allowed=allowed,
        hint=meant(value, allowed),
    )
