"""`/docs` and `/openapi.json`: the interface explained, with nothing fetched from elsewhere."""

import json
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.responses import HTMLResponse, JSONResponse

from mediakiln.model import errors
from mediakiln.web.errors import STATUS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


def router(app: FastAPI) -> APIRouter:
    """The routes that describe `app`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/openapi.json")
    async def document() -> JSONResponse:
        return JSONResponse(app.openapi())

    @routes.get("/docs")
    async def page() -> HTMLResponse:
        return HTMLResponse(_page(app), headers={"Content-Security-Policy": _POLICY})

    return routes


@cache
def _page(app: FastAPI) -> str:
    """The document as one page; written by the server, so that it needs no program to show it."""
    environment = Environment(
        loader=PackageLoader("mediakiln.web.api"), autoescape=select_autoescape(["html"])
    )
    environment.filters["json"] = lambda value: json.dumps(value, indent=2)
    document = app.openapi()
    return environment.get_template("docs.html").render(
        document=document,
        sections=_sections(document),
        schemas=document["components"]["schemas"],
        codes=_codes(),
    )


def _sections(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, in the document's order; a HEAD that repeats a GET is left out."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods and not (method == "head" and "get" in methods):
                operation = {"method": method.upper(), "path": path, **methods[method]}
                sections.setdefault(operation["tags"][0], []).append(operation)
    return sections


def _codes() -> list[tuple[str, int, str]]:
    """(code, status, meaning) of every error that a request can end in."""
    found = {
        kind.code: (kind.code, STATUS[kind.code], (kind.__doc__ or "").partition("\n")[0])
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.MediakilnError)
        and kind.code in STATUS
    }
    return sorted(found.values(), key=lambda row: (row[1], row[0]))
