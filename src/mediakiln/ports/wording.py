"""What a parameter takes, in words: from the JSON Schema of its model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

Schema = Mapping[str, Any]

_SIMPLE: Final[Mapping[str, str]] = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_PERCENT: Final = "%$"
"""What the pattern of a percentage ends with."""
_FORMS: Final[Mapping[str, str]] = {
    "^#[0-9a-fA-F]{6}$": "a colour such as #1f6feb",
    "^[0-9a-f]{8}-": "an asset's id, such as 01a1ff0b-3449-7294-ad03-682a5a06032c",
}
"""By what a pattern begins with."""
_PART: Final = re.compile(
    r"(-?\d{1,6}(?:\.\d{1,12})?)\s*(?:%25|%|percent|pct|pc|pw|ph|p)", re.ASCII | re.IGNORECASE
)
_PIXELS: Final = re.compile(r"(-?\d{1,7})(?:\.0+)?\s*(?:px|pixels?|w|h)", re.ASCII | re.IGNORECASE)


def takes(model: type[BaseModel], place: Sequence[int | str]) -> str | None:
    """What a field takes, or a value inside it: `a whole number from 1 to 16383, or max`.

    None where the model says nothing of that place.
    """
    branches = _at(model, place)
    words = [each for each in (_words(model, branch) for branch in branches) if each]
    return ", or ".join(dict.fromkeys(words)) or None


def names(model: type[BaseModel], place: Sequence[int | str]) -> str | None:
    """Which names an object has at a place, where these are given."""
    found = [each.get("propertyNames", {}).get("enum", ()) for each in _at(model, place)]
    return next((one_of([str(name) for name in each]) for each in found if each), None)


def choices(model: type[BaseModel], name: str) -> list[Any]:
    """The words, or numbers, that a field takes beside what else it may take."""
    return [each for branch in _at(model, (name,)) for each in _choices(branch)]


def only_choices(model: type[BaseModel], name: str) -> bool:
    """Whether it takes nothing else."""
    branches = _at(model, (name,))
    return bool(branches) and all(_choices(branch) for branch in branches)


def _choices(schema: Schema) -> Sequence[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", ())


def resembling(model: type[BaseModel], name: str, value: str) -> str | None:
    """What a number with a unit is, where the field takes such a number: of `50p`, `50%`."""
    branches = _at(model, (name,))
    parts = any(str(branch.get("pattern", "")).endswith(_PERCENT) for branch in branches)
    if parts and (found := _PART.fullmatch(value.strip())):
        return f"{found[1]}%"
    numbers = any(branch.get("type") in {"integer", "number"} for branch in branches)
    if numbers and (found := _PIXELS.fullmatch(value.strip())):
        return found[1]
    return None


def fields(model: type[BaseModel]) -> Schema:
    """The JSON Schema of each field."""
    found: Schema = _schema(model).get("properties", {})
    return found


@cache
def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()


def _at(model: type[BaseModel], place: Sequence[int | str]) -> list[Schema]:
    """Every kind of value that may stand at a place, but for null."""
    found: list[Schema] = [_schema(model)]
    for part in place:
        found = [inner for each in found for inner in _inside(model, each, part)]
    return found


def _inside(model: type[BaseModel], schema: Schema, part: int | str) -> list[Schema]:
    if isinstance(part, int):
        fixed = schema.get("prefixItems", ())
        inner = fixed[part] if part < len(fixed) else schema.get("items")
    else:
        inner = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return list(_branches(model, inner)) if isinstance(inner, Mapping) else []


def _branches(model: type[BaseModel], schema: Schema) -> Iterable[Schema]:
    if "$ref" in schema:
        yield from _branches(model, _schema(model)["$defs"][schema["$ref"].rpartition("/")[2]])
        return
    inner = schema.get("anyOf") or schema.get("oneOf")
    if inner is None:
        if schema.get("type") != "null":
            yield schema
        return
    for each in inner:
        yield from _branches(model, each)


def _words(model: type[BaseModel], schema: Schema) -> str | None:
    if _choices(schema):
        return one_of([str(each) for each in _choices(schema)])
    kind = str(schema.get("type"))
    if kind in _SIMPLE:
        return f"{_SIMPLE[kind]}{_range(schema)}"
    if kind == "string":
        return _text(schema)
    if kind == "array":
        return _list(model, schema)
    return _object(model, schema) if kind == "object" else None


def _range(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {plain(least)} to {plain(most)}"
    told = (("at least", least), ("above", above), ("at most", most), ("below", below))
    said = [f"{word} {plain(bound)}" for word, bound in told if bound is not None]
    return f", {' and '.join(said)}" if said else ""


def plain(bound: float) -> str:
    """A bound as people write it: without a fraction where it has none."""
    return str(int(bound)) if float(bound).is_integer() else str(bound)


def _text(schema: Schema) -> str:
    pattern = str(schema.get("pattern", ""))
    if pattern.endswith(_PERCENT):
        return "a percentage such as 50%"
    for beginning, form in _FORMS.items():
        if pattern.startswith(beginning):
            return form
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if most is None:
        return "a text that is not empty" if least else "a text"
    count = f"{least} to {most}" if least else f"at most {most}"
    return f"a text of {count} characters"


def _list(model: type[BaseModel], schema: Schema) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    count = ""
    if most is not None:
        count = f" of {most}" if least == most else f" of at most {most}"
    elif least:
        count = f" of at least {least}"
    inner = schema.get("items") or next(iter(schema.get("prefixItems", ())), None)
    each = [_words(model, branch) for branch in _branches(model, inner)] if inner else []
    said = ", or ".join(word for word in each if word)
    return f"a list{count}, each {said}" if said else f"a list{count}"


def _object(model: type[BaseModel], schema: Schema) -> str:
    fixed = schema.get("properties", ())
    if fixed:
        return f"an object with {', '.join(fixed)}"
    known = schema.get("propertyNames", {}).get("enum", ())
    values = schema.get("additionalProperties")
    inner = _branches(model, values) if isinstance(values, Mapping) else ()
    said = ", or ".join(word for each in inner if (word := _words(model, each)))
    name = f"any of {', '.join(map(str, known))}" if known else "names"
    return f"an object of {name}, each with {said}" if said else f"an object of {name} and values"


def one_of(words: Sequence[str]) -> str:
    """Some words as a sentence has them."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
