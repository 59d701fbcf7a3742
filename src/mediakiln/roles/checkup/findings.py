"""What a check found, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from mediakiln.model.errors import MediakilnError


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `fails` ones have a remedy."""

    name: str
    state: Literal["good", "note", "fails"]
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Its public form."""
        return asdict(self)


def good(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, "good", found)


def fails(name: str, error: object, remedy: str, *, prefix: str = "") -> Finding:
    """Something must be done."""
    hint = error.context.get("hint") if isinstance(error, MediakilnError) else None
    return Finding(name, "fails", f"{prefix}{error}", str(hint or remedy))
