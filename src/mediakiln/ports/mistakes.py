"""What is wrong with an operation's parameters, in words of their author."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError, model_validator

from mediakiln.model.errors import InvalidRecipe
from mediakiln.ports.wording import choices, fields, names, only_choices, resembling, takes

_OWN: Final = "value_error"
_MISSING: Final = "missing"
_UNKNOWN: Final = "extra_forbidden"
"""Types of pydantic's errors: a validator's own, and two that are not of a value."""
_KEY: Final = "[key]"
_BOUNDS: Final = frozenset({"gt", "ge", "lt", "le", "min_length", "max_length"})
_FOR_MACHINES: Final = frozenset({"pattern", "title", "$ref"})
_LONGEST: Final = 80
"""Characters of a name that are compared."""
_KINDS: Final = frozenset({"int", "str", "float", "bool"})
_KIND: Final = re.compile(r"^(?:constrained|function|literal|list|tuple|dict|set|union)[-\[]")


class Exact(BaseModel):
    """A model that takes no truth value for a number: pydantic's are 1 and 0."""

    @model_validator(mode="before")
    @classmethod
    def _as_words(cls, data: Any) -> Any:
        """As words the numbers' own checks refuse them, and name the field."""
        if not isinstance(data, Mapping):
            return data
        numbers = _numbers(cls)
        return {name: _worded(value) if name in numbers else value for name, value in data.items()}


@cache
def _numbers(params: type[BaseModel]) -> frozenset[str]:
    """The fields that take numbers, and no truth values."""
    kinds = {name: set(_kinds(each.annotation)) for name, each in params.model_fields.items()}
    return frozenset(
        name for name, found in kinds.items() if found & {int, float} and not found & {bool, Any}
    )


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _kinds(part)


def _worded(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value)
    return [_worded(each) for each in value] if isinstance(value, list | tuple) else value


def mistake(op: str, params: type[BaseModel], error: ValidationError) -> InvalidRecipe:
    """The first thing that does not fit `params`, with its `field` and what is `allowed` there."""
    first = error.errors(include_url=False)[0]
    where = ".".join(_named(first["loc"])) or "parameters"
    context: dict[str, Any] = {"op": op, "field": where}
    if first["type"] == _UNKNOWN and len(first["loc"]) == 1:
        message = f"{op} has no parameter {where!r}"
        context["allowed"] = sorted(params.model_fields)
        context["hint"] = meant(where, params.model_fields)
    else:
        said = reason(params, error)
        message = f"{op}: {where}: {said}" if first["loc"] else f"{op}: {said}"
        context["allowed"] = _allowed(params, where, first.get("ctx", {}))
        context["hint"] = near(params, error)
    return InvalidRecipe(message, **context)


def reason(params: type[BaseModel], error: ValidationError) -> str:
    """Why the first field that does not fit does not, and all that it takes."""
    first, *others = error.errors(include_url=False)
    named = _named(first["loc"])
    alike = [each for each in others if first["loc"] and _named(each["loc"]) == named]
    own = [str(each["ctx"]["error"]) for each in (first, *alike) if each["type"] == _OWN]
    if own:
        return ", or ".join(dict.fromkeys(own))
    place = _place(first["loc"])
    if first["type"] == _UNKNOWN:
        return "is not known there"
    if place[-1:] == [_KEY]:
        allowed = names(params, place[:-2])
        return f"is not known there; what is: {allowed}" if allowed else "is not known there"
    if first["type"] == _MISSING and isinstance(place[-1], int):
        place.pop()  # an item that a list of a certain length lacks
    elif first["type"] == _MISSING:
        return "is missing"
    return f"must be {takes(params, place) or 'another value'}"


def near(params: type[BaseModel], error: ValidationError) -> str | None:
    """A hint for who wrote nearly what the first field that does not fit takes."""
    first = error.errors(include_url=False)[0]
    if not isinstance(first["input"], str) or len(_place(first["loc"])) != 1:
        return None
    name, value = str(first["loc"][0]), first["input"]
    found = resembling(params, name, value)
    return f"did you mean {found}?" if found else meant(value, choices(params, name))


def _named(place: Iterable[int | str]) -> list[str]:
    """A place as its author would name it."""
    return [str(part) for part in _place(place) if part != _KEY]


def _place(place: Iterable[int | str]) -> list[int | str]:
    """A place without the kinds of values, among which pydantic chose.

    Those are called `constrained-int`, `int`, `function-after[…]` and so on.
    """
    return [
        part
        for part in place
        if isinstance(part, int) or (part not in _KINDS and not _KIND.match(part))
    ]


def meant(name: str, known: Iterable[Any]) -> str | None:
    """A hint for who wrote a name that is not known; None where nothing is like it."""
    close = get_close_matches(name[:_LONGEST], [str(each) for each in known], n=1)
    return f"did you mean {close[0]}?" if close else None


def _allowed(params: type[BaseModel], where: str, context: Mapping[str, Any]) -> Any:
    """What the field accepts: its choices, the bound that was crossed, or the field's schema."""
    name = where.partition(".")[0]
    if only_choices(params, name):
        return choices(params, name)
    plain = {name: bound for name, bound in context.items() if name in _BOUNDS}
    if plain:
        return plain
    properties = fields(params)
    return _told(properties[name]) if name in properties else sorted(properties)


def _told(schema: Any) -> Any:
    """A schema without what only a validator reads."""
    if isinstance(schema, Mapping):
        return {name: _told(each) for name, each in schema.items() if name not in _FOR_MACHINES}
    return [_told(each) for each in schema] if isinstance(schema, list) else schema
