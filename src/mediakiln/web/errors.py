"""The one place that turns errors into HTTP: status codes and problem documents (RFC 9457)."""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from mediakiln.model.errors import MediakilnError

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"

STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "invalid_name": 400,
    "incomplete_upload": 400,
    "not_supported": 400,
    "outside_image": 400,
    "unauthorised": 401,
    "foreign_origin": 403,
    "forbidden": 403,
    "signature_missing": 403,
    "signature_invalid": 403,
    "not_found": 404,
    "object_missing": 404,
    "conflict": 409,
    "already_exists": 409,
    "archive_locked": 409,
    "version_conflict": 409,
    "offset_mismatch": 409,
    "gone": 410,
    "address_expired": 410,
    "upload_expired": 410,
    "answer_not_kept": 410,
    "too_large": 413,
    "unsupported_media_type": 415,
    "upload_busy": 423,
    "empty_file": 422,
    "idempotency_key_reused": 422,
    "invalid_part": 422,
    "fetch_refused": 422,
    "invalid_recipe": 422,
    "unknown_recipe": 422,
    "recipe_kind_mismatch": 422,
    "bad_media": 422,
    "limit_exceeded": 422,
    "too_many_pixels": 422,
    "password_required": 422,
    "quota_exceeded": 429,
    "rate_limited": 429,
    "checksum_mismatch": 460,
    "model_unavailable": 501,
    "fetch_failed": 502,
    "engine_error": 503,
    "engine_unavailable": 503,
    "overloaded": 503,
    "storage_full": 507,
}
"""Error code to status; codes that never belong to a request are 500."""

_OF_STATUS = {
    400: "invalid_request",
    404: "not_found",
    405: "method_not_allowed",
    412: "precondition_failed",
    413: "too_large",
    416: "range_not_satisfiable",
}
_TITLES = {460: "Checksum Mismatch"}
"""Of statuses that are of a protocol, not of HTTP."""
_RETRY_AFTER_S = {429: 1, 503: 5, 507: 60}


def title(status: int) -> str:
    """What a status is called."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document; `context` becomes further members, never replacing the standard ones."""
    document = {key: value for key, value in (context or {}).items() if value is not None}
    document |= {
        # Relative to the answer's own address: the page that explains the codes.
        "type": f"/docs#{code}",
        "title": title(status),
        "status": status,
        "detail": detail,
        "code": code,
    }
    sent = dict(headers or {})
    if status in _RETRY_AFTER_S:
        pause = document.get("retry_after", _RETRY_AFTER_S[status])
        sent.setdefault("Retry-After", str(math.ceil(pause)))
    if status == HTTPStatus.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", 'Bearer realm="mediakiln"')
    return _Problem(document, status, headers=sent)


class _Problem(JSONResponse):
    media_type = PROBLEM_TYPE

    def render(self, content: Any) -> bytes:
        return super().render(_plain(content))


def problem_of(error: Exception) -> Response:
    """The problem document of any exception; unknown ones tell the client nothing."""
    if isinstance(error, MediakilnError):
        return _known(error)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        code = _OF_STATUS.get(error.status_code, "http_error")
        return problem(error.status_code, code, _reason(error), headers=error.headers)
    return problem(500, "internal", "Something went wrong inside mediakiln; its log says what.")


async def answer(request: Request, error: Exception) -> Response:
    """`problem_of` as an exception handler of Starlette."""
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of one route; an address may have several.
        error.headers = {"Allow": ", ".join(_methods(request))}
    return problem_of(error)


def _methods(request: Request) -> list[str]:
    """Every method that the request's address takes."""
    routes: list[BaseRoute] = []
    for item in request.app.routes:
        included = getattr(item, "original_router", None)  # how FastAPI keeps an included router
        routes += included.routes if included else [item]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({name for route in matching for name in getattr(route, "methods", None) or ()})


def _known(error: MediakilnError) -> Response:
    status = STATUS.get(error.code, 500)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s: %s", error.code, error, extra={"code": error.code})
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem(500, error.code, type(error).__doc__ or "")
    return problem(status, error.code, error.message, context=error.context)


def _invalid(error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    field = ".".join(where[1:]) or where[0]
    allowed = {k: v for k, v in first.get("ctx", {}).items() if isinstance(v, str | int | float)}
    context = {"field": field, "in": where[0], "allowed": allowed or None}
    return problem(422, "invalid_request", f"{field}: {first['msg']}", context=context)


def _reason(error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "There is nothing at this address."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"This address allows {(error.headers or {}).get('Allow', 'other methods')}."
    return str(error.detail)


def _plain(value: Any) -> Any:
    """Context may hold whatever an adapter put there; a problem document holds only JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
