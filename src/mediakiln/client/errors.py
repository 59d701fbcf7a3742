"""What a client may meet."""

from collections.abc import Mapping
from typing import Any

import httpx2


class ApiError(Exception):
    """The server refused, with a stable `code`; `context` holds what else it said."""

    def __init__(self, code: str, status: int, detail: str, context: Mapping[str, Any]) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.status = status
        self.detail = detail
        self.context = dict(context)


class DownloadDamaged(Exception):
    """The bytes that arrived are not those the server has; nothing was kept."""


_STANDARD = frozenset({"type", "title", "status", "detail", "code"})


def api_error(response: httpx2.Response) -> ApiError:
    """The error in an answer whose body was read; also for answers that are not ours."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "code" not in document:
        detail = f"the server answered {response.status_code} {response.reason_phrase}"
        return ApiError("http_error", response.status_code, detail, {})
    context = {key: value for key, value in document.items() if key not in _STANDARD}
    return ApiError(
        str(document["code"]), response.status_code, str(document.get("detail", "")), context
    )
