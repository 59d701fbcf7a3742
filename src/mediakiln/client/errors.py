"""What a client may meet."""

from collections.abc import Mapping
from typing import Any

import httpx2


class ApiError(Exception):
    """The server refused, with a stable `code`.

    Attributes:
        code: what happened, see the reference of errors.
        status: the HTTP status.
        detail: the same in words.
        context: whatever else the problem document says.
    """

    def __init__(self, code: str, status: int, detail: str, context: Mapping[str, Any]) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.status = status
        self.detail = detail
        self.context = dict(context)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.status, self.detail, self.context)

    @property
    def limit(self) -> Any:
        """The limit that was exceeded, where it was one."""
        return self.context.get("limit")

    @property
    def value(self) -> Any:
        """What was asked for in place of `limit`."""
        return self.context.get("value")

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        return self.context.get("hint")

    @property
    def field(self) -> str | None:
        """The part of the request that is wrong."""
        return self.context.get("field")


class DownloadDamaged(Exception):
    """The bytes that arrived are not those the server has; nothing was kept."""


class SourceChanged(Exception):
    """The file was changed while it was sent; the server kept nothing of it."""


_STANDARD = frozenset({"type", "title", "status", "detail", "code"})


def code_of(response: httpx2.Response) -> str | None:
    """The code of an answer that is a problem document and whose body was read."""
    return problem_of(response).get("code")


def api_error(response: httpx2.Response) -> ApiError:
    """The error in an answer whose body was read; also for answers that are not ours."""
    document = problem_of(response)
    if not document:
        detail = f"the server answered {response.status_code} {response.reason_phrase}"
        return ApiError("http_error", response.status_code, detail, {})
    context = {key: value for key, value in document.items() if key not in _STANDARD}
    return ApiError(
        str(document["code"]), response.status_code, str(document.get("detail", "")), context
    )


def problem_of(response: httpx2.Response) -> dict[str, Any]:
    """The problem document in an answer whose body was read; empty where it is none."""
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) and "code" in document else {}
