"""What is wrong with an operation's parameters, in words of their author."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from mediakiln.model.errors import InvalidRecipe

_LONGEST: Final = 80
"""Characters of a name that are compared."""
_KINDS: Final = frozenset({"int", "str", "float", "bool"})
_KIND: Final = re.compile(r"^(?:constrained|function|literal|list|tuple|dict|set|union)[-\[]")


def mistake(op: str, params: type[BaseModel], error: ValidationError) -> InvalidRecipe:
    """The first thing that does not fit `params`, with its `field` and what is `allowed` there."""
    first = error.errors(include_url=False)[0]
    where = ".".join(_named(first["loc"])) or "parameters"
    context: dict[str, Any] = {"op": op, "field": where}
    if first["type"] == "extra_forbidden":
        message = f"{op} has no parameter {where!r}"
        context["allowed"] = sorted(params.model_fields)
        context["hint"] = meant(where, params.model_fields)
    else:
        said = reason(error)
        message = f"{op}: {where}: {said}" if first["loc"] else f"{op}: {said}"
        context["allowed"] = _allowed(params, where, first.get("ctx", {}))
        if isinstance(context["allowed"], list) and isinstance(first["input"], str):
            context["hint"] = meant(first["input"], context["allowed"])
    return InvalidRecipe(message, **context)


def reason(error: ValidationError) -> str:
    """Why the first field that does not fit does not; of every kind of value that it takes."""
    first, *others = error.errors(include_url=False)
    named = _named(first["loc"])
    alike = [each for each in others if first["loc"] and _named(each["loc"]) == named]
    said = [each["msg"].removeprefix("Value error, ") for each in (first, *alike)]
    return ", or ".join([said[0], *(f"{each[:1].lower()}{each[1:]}" for each in said[1:])])


def _named(place: Iterable[int | str]) -> list[str]:
    """A place as its author would name it: without the kinds of values, among which pydantic chose.

    Those are called `constrained-int`, `int`, `function-after[…]` and so on.
    """
    parts = [str(part) for part in place]
    return [part for part in parts if part not in _KINDS and not _KIND.match(part)]


def meant(name: str, known: Iterable[str]) -> str | None:
    """A hint for who wrote a name that is not known; None where nothing is like it."""
    close = get_close_matches(name[:_LONGEST], [str(each) for each in known], n=1)
    return f"did you mean {close[0]}?" if close else None


def _allowed(params: type[BaseModel], where: str, context: Mapping[str, Any]) -> Any:
    """What the field accepts: its choices, the bound pydantic named, or the field's own schema."""
    properties = params.model_json_schema().get("properties", {})
    schema = properties.get(where.partition(".")[0], {})
    choices = [c for one in (schema, *schema.get("anyOf", ())) for c in one.get("enum", ())]
    if choices:
        return choices
    plain = {k: v for k, v in context.items() if isinstance(v, str | int | float)}
    if plain:
        return plain
    return schema or sorted(properties)
