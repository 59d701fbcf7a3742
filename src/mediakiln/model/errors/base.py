"""The root of the tree."""

from typing import Any, ClassVar


class MediakilnError(Exception):
    """Something went wrong inside mediakiln."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **context: Any) -> None:
        default = (type(self).__doc__ or "").partition("\n")[0]
        self.message = message or default
        self.context = context
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.context)


def _rebuild(cls: type[MediakilnError], message: str, context: dict[str, Any]) -> MediakilnError:
    return cls(message, **context)
