"""Other assets as parameters."""

from typing import Annotated, Any

from pydantic import Field

AssetId = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
]
"""A parameter's type: the id of another asset of the same project."""


def named(params: Any, *names: str) -> list[str]:
    """The asset ids among these parameters."""
    return [id for name in names if (id := getattr(params, name)) is not None]
