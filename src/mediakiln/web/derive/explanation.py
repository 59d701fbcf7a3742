"""What is told of an address: whether it works, why not, and what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from mediakiln.model.errors import MediakilnError


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether an address works, why not, and what it means."""

    works: bool
    lines: Sequence[str]


def refused(what: str, error: MediakilnError) -> list[str]:
    """What is wrong with a part of an address, what to do, and what is allowed."""
    lines = [f"{what}: WRONG: {error}"]
    if error.context.get("hint"):
        lines.append(f"  {error.context['hint']}")
    if error.context.get("allowed"):
        lines.append(f"  allowed: {said(error.context['allowed'])}")
    return lines


def said(value: Any) -> str:
    """A value in words."""
    if is_dataclass(value):
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        return ", ".join(f"{name} {said(part)}" for name, part in parts.items() if part)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {said(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return " ".join(said(each) for each in value)
    return str(value)
