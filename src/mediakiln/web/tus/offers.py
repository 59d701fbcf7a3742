"""What an upload's metadata says of the file."""

import json
from collections.abc import Mapping
from typing import Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.upload import Offer
from mediakiln.stages.recipes import RecipeBook
from mediakiln.stages.uploads.labels import clean_tags, clean_uploader

NAMELESS: Final = "unnamed"
"""The name of a file whose uploader gave none."""
_UNTYPED: Final = frozenset({"", "application/octet-stream"})
_MAX_TYPE_CHARS: Final = 127


def offered(metadata: Mapping[str, bytes], size: int | None, recipes: RecipeBook) -> Offer:
    """The offer that metadata makes: `filename`, `filetype`, `recipe`, `uploader`, `tags`.

    `name` and `type`, which Uppy sends, are taken as well. Tags are separated by commas, or a
    JSON list. Whatever else there is, is kept with the upload and means nothing here.

    Raises:
        InvalidRequest: a value is no text, or not what it should be.
        InvalidRecipe, UnknownRecipe: there is no such recipe.
    """
    text = {key: _text(key, value) for key, value in metadata.items() if key in _KNOWN}
    media_type = (text.get("filetype") or text.get("type") or "").partition(";")[0].strip().lower()
    return Offer(
        name=text.get("filename") or text.get("name") or NAMELESS,
        uploader=clean_uploader(text.get("uploader", "")),
        tags=clean_tags(_tags(text.get("tags", ""))),
        recipe=recipes.resolve(text.get("recipe")),
        declared_type=None if media_type in _UNTYPED else media_type[:_MAX_TYPE_CHARS],
        size=size,
    )


_KNOWN: Final = frozenset({"filename", "name", "filetype", "type", "recipe", "uploader", "tags"})


def _text(key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"{key} in Upload-Metadata is not UTF-8", field="Upload-Metadata"
        ) from None


def _tags(given: str) -> list[str]:
    if not given.lstrip().startswith("["):
        return given.split(",")
    try:
        tags = json.loads(given)
    except (ValueError, RecursionError):
        tags = None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidRequest("tags is not a list of texts", field="Upload-Metadata")
    return tags
