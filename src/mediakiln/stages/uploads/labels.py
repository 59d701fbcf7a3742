"""What uploaders say of a file beside its name, checked."""

from typing import Final

from mediakiln.model.errors import InvalidRequest

MAX_TAGS: Final = 50
MAX_TAG_CHARS: Final = 64
MAX_UPLOADER_CHARS: Final = 200


def clean_uploader(given: str) -> str:
    """The uploader's name.

    Raises:
        InvalidRequest: it is too long, or holds what cannot be printed.
    """
    if len(given) > MAX_UPLOADER_CHARS or not given.isprintable():
        raise InvalidRequest(
            f"uploader is at most {MAX_UPLOADER_CHARS} printable characters",
            field="uploader",
            limit=MAX_UPLOADER_CHARS,
            value=len(given),
        )
    return given


def clean_tags(given: list[str]) -> tuple[str, ...]:
    """The tags, each once.

    Raises:
        InvalidRequest: they are too many, or one is too long, or holds what cannot be printed.
    """
    tags = tuple(dict.fromkeys(tag.strip() for tag in given if tag.strip()))
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(
            f"an asset has at most {MAX_TAGS} tags", field="tags", limit=MAX_TAGS, value=len(tags)
        )
    for tag in tags:
        if len(tag) > MAX_TAG_CHARS or not tag.isprintable():
            raise InvalidRequest(
                f"a tag is at most {MAX_TAG_CHARS} printable characters",
                field="tags",
                limit=MAX_TAG_CHARS,
                value=len(tag),
            )
    return tags
