"""The OpenAPI 3.1 document, completed with what FastAPI cannot see."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mediakiln.web.api.schemas import ProblemOut
from mediakiln.web.delivery import describe as delivery
from mediakiln.web.derive import describe as images
from mediakiln.web.errors import PROBLEM_TYPE, title
from mediakiln.web.tus import describe as tus

_DESCRIPTION = """\
Put any media file in; the work its uploader asked for comes out.

Upload with `POST /v1/assets`, watch with `GET /v1/assets/{id}/events`, download from the
addresses in the answer. Errors are problem documents with a stable `code`.
"""

_KEY = """\
The owner's key, an API key (`mk_<id>_<secret>`, within its scopes and its project), or, on the
ways in alone, an upload token (`mt_...`). The owner's key chooses another project than `default`
with the header `X-Mediakiln-Project`. Keys in addresses are never accepted."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
    return {status: {"model": ProblemOut} for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version=app.openapi_version,
            description=_DESCRIPTION,
            routes=app.routes,
        )
        made["paths"] |= tus.PATHS | delivery.PATHS | images.PATHS
        _complete(made)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(made: dict[str, Any]) -> None:
    components = made.setdefault("components", {})
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": _KEY},
        "session": {"type": "apiKey", "in": "cookie", "name": "mediakiln_session"},
    }
    made["security"] = [{"key": []}, {"session": []}]
    # Validation problems are ours, so FastAPI's own models of them are never sent.
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for path, methods in made["paths"].items():
        for operation in methods.values():
            if path.startswith("/v1/"):
                for status in ("400", "401", "403"):
                    operation["responses"].setdefault(status, {})
            _as_problems(operation["responses"])


def _as_problems(responses: dict[str, Any]) -> None:
    """Give every error answer its description and media type."""
    reference = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
    for status, answer in responses.items():
        json_schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if int(status) < HTTPStatus.BAD_REQUEST or "Readiness" in str(json_schema):
            continue
        answer["description"] = title(int(status))
        answer["content"] = {PROBLEM_TYPE: reference}
