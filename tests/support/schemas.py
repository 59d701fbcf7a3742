"""The framework's schemas of parameters and answers, made once a process.

Every application makes some three hundred, and hundreds of tests have an application of their own.
"""

from typing import Any, get_args

from fastapi._compat import v2
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

_made: dict[Any, TypeAdapter[Any]] = {}


def remember() -> None:
    """Have equal fields of all applications share one schema."""
    v2.TypeAdapter = _adapter  # type: ignore[attr-defined,assignment] # only ever called


def _adapter(annotation: Any, *, config: Any = None) -> TypeAdapter[Any]:
    key = _key(annotation), repr(config)
    try:
        if key not in _made:
            _made[key] = TypeAdapter(annotation, config=config)
        return _made[key]
    except TypeError:  # something in it cannot be compared
        return TypeAdapter(annotation, config=config)


def _key(annotation: Any) -> Any:
    """What a field is made of; as text, too, since `True` equals 1."""
    parts = [
        tuple(sorted(part._attributes_set.items())) if isinstance(part, FieldInfo) else part
        for part in get_args(annotation)
    ]
    return annotation.__origin__, *parts, repr(parts)
