"""Other assets as parameters."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

_ID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


def _id(text: str) -> str:
    if not re.fullmatch(_ID, text):
        raise ValueError("an asset's id is needed, such as 01a1ff0b-3449-7294-ad03-682a5a06032c")
    return text


AssetId = Annotated[str, AfterValidator(_id), Field(json_schema_extra={"pattern": _ID})]
"""A parameter's type: the id of another asset of the same project."""


def named(params: Any, *names: str) -> list[str]:
    """The asset ids among these parameters."""
    return [id for name in names if (id := getattr(params, name)) is not None]
