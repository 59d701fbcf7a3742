"""Options and their values as native addresses write them."""

import base64
import binascii
import json
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

from pydantic import BaseModel

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.signature import LEAST_BYTES, MARK, WHOLE_BYTES
from mediakiln.ports.mistakes import meant
from mediakiln.web.derive.native.foreign import said_here

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "w": ("width",),
    "h": ("height",),
    "g": ("gravity", "position"),
    "b": ("background",),
    "x": ("left", "x"),
    "y": ("top", "y"),
    "a": ("angle",),
    "o": ("opacity",),
    "r": ("radius",),
    "t": ("text",),
    "f": ("format",),
    "q": ("quality",),
}
"""Short names, and the parameters they may stand for: the first that an edit has."""
_MOST_NAME: Final = 64
"""Characters that an option's name may have: no more of an option are searched for it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option as it is written: `w_400`."""

    text: str
    name: str
    value: str | None
    """Still percent-encoded; None for one without, such as `progressive`."""


def option_of(
    text: str, known: Iterable[str], elsewhere: Mapping[str, Sequence[str]] | None = None
) -> Option:
    """Read an option whose name is one of `known`; the longest that fits.

    `elsewhere` are the edits' names, and the options of each, for who takes one for another.

    Raises:
        InvalidRequest: it is none of these; names it.
    """
    names = set(known)
    if text in names:
        return Option(text, text, None)
    found = _prefix(text, names)
    if found is not None:
        return Option(text, found, text[len(found) + 1 :])
    written = text.partition("_")[0]
    raise InvalidRequest(
        f"there is no option {unquote(text)[:80]!r}",
        field=written[:80],
        allowed=sorted(names),
        hint=_hint(text[:80], names, elsewhere or {}),
    )


def _prefix(text: str, names: Container[str]) -> str | None:
    """The longest of the names that stands before an underscore at the beginning of the text."""
    at = min(len(text), _MOST_NAME)
    while (at := text.rfind("_", 0, at)) > 0:
        if text[:at] in names:
            return text[:at]
    return None


def _hint(text: str, names: Collection[str], elsewhere: Mapping[str, Sequence[str]]) -> str | None:
    written = text.partition("_")[0]
    if written in elsewhere:
        return f"{written} is an edit: its name stands alone, its options after it"
    owners: dict[str, list[str]] = {}
    for edit, options in elsewhere.items():
        for option in options:
            owners.setdefault(option, []).append(edit)
    named = text if text in owners else _prefix(text, owners)
    if named is not None:
        edits = owners[named]
        return f"{named} belongs to {', '.join(edits)}: a segment {edits[0]},{text}"
    lower = text.lower()
    if lower != text and _prefix(lower, {*names, *owners}):
        return f"names of options are in lower case: {lower}"
    if text.startswith(MARK):
        return (
            f"a signature is s_ and base64url of {LEAST_BYTES} to {WHOLE_BYTES} bytes, "
            "as a segment of its own"
        )
    plain = unquote(text)
    if plain != text and _prefix(plain, names):
        return f"the name of an option is not percent-encoded: {plain}"
    near = said_here(text) or meant(written, {*names, *elsewhere})
    return near or (None if "_" in text else "options are written name_value")


def field_of(name: str, fields: Mapping[str, Any]) -> str | None:
    """The parameter that an option's name, perhaps a short one, stands for among `fields`."""
    for candidate in (name, *ALIASES.get(name, ())):
        if candidate in fields:
            return candidate
    return None


def names_of(model: type[BaseModel]) -> frozenset[str]:
    """Every name, long and short, by which a model's parameters may be called."""
    return _names(model)


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    fields = model.model_fields
    short = {alias for alias in ALIASES if field_of(alias, fields)}
    return frozenset({*fields, *short})


def value_of(option: Option, field: str, model: type[BaseModel]) -> Any:
    """An option's value: text, a list where the parameter takes one, an object where it does.

    Lists are written `1:2:3`. A value that begins with `~` is base64url of its text, for what
    addresses cannot hold. An option without a value is true.

    Raises:
        InvalidRequest: it cannot be read; names the option.
    """
    if option.value is None:
        return True
    sorts = _sorts(model)[field]
    raw = _plain(option) if option.value.startswith("~") else None
    if "object" in sorts or (raw is not None and "array" in sorts):
        return _json(option, raw if raw is not None else unquote(option.value))
    if "array" in sorts:
        return [unquote(part) for part in option.value.split(":")]
    return raw if raw is not None else unquote(option.value)


def _plain(option: Option) -> str:
    text = (option.value or "")[1:]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return raw.decode()
    except (ValueError, binascii.Error):
        raise InvalidRequest(
            f"{option.name}: what follows ~ is not base64url of a text", field=option.name
        ) from None


def _json(option: Option, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest(
            f"{option.name}: the value must be JSON, percent-encoded", field=option.name
        ) from None


@cache
def _sorts(model: type[BaseModel]) -> Mapping[str, frozenset[str]]:
    """Which JSON types each parameter takes."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def types(part: Mapping[str, Any]) -> Iterable[str]:
        if "$ref" in part:
            yield from types(definitions[part["$ref"].rpartition("/")[2]])
        if "type" in part:
            yield str(part["type"])
        for branch in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
            yield from types(branch)

    return {name: frozenset(types(part)) for name, part in schema["properties"].items()}
