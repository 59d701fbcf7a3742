"""The downloads in OpenAPI's words, since they stand beside the framework."""

from typing import Any


def _header(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description}


def _parameter(name: str, where: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


_FILE = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_HEADERS = {
    "ETag": _header("Changes exactly when the bytes do."),
    "Content-Disposition": _header("Whether to show or to save, and the file's name."),
    "Cache-Control": _header("`no-cache` with an ETag; `immutable` where `v` names the content."),
    "Accept-Ranges": _header("`bytes`."),
}
_ANSWERS: dict[str, Any] = {
    "200": {"description": "The file.", "headers": _HEADERS, "content": _FILE},
    "206": {
        "description": "The ranges asked for; several come as multipart/byteranges.",
        "headers": _HEADERS | {"Content-Range": _header("Which bytes, of how many.")},
        "content": _FILE,
    },
    "304": {"description": "Not modified."},
    "307": {"description": "To an address in the store, good for 15 minutes (`direct=1`)."},
    "400": {},
    "401": {},
    "404": {},
    "410": {},
    "412": {},
    "416": {},
}
_OPTIONS = [
    _parameter("download", "query", "Save instead of show.", enum=["1"]),
    _parameter("direct", "query", "Redirect to the store, where it can do that.", enum=["1"]),
    _parameter("v", "query", "The ETag without quotes: the answer may be kept for ever."),
    _parameter("Range", "header", "At most 16 ranges of bytes."),
    _parameter("If-None-Match", "header", "Answer 304 if the ETag is one of these."),
    _parameter("If-Range", "header", "Mind `Range` only if the ETag is this."),
]
_ID = _parameter("id", "path", "The asset's id, a UUID.")


def _methods(what: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    def operation(method: str, verb: str) -> dict[str, Any]:
        return {
            "tags": ["delivery"],
            "summary": f"{verb} {what}",
            "operationId": f"{method}_{what.rpartition(' ')[2]}",
            "parameters": [*parameters, *_OPTIONS],
            "responses": {status: dict(answer) for status, answer in _ANSWERS.items()},
        }

    return {"get": operation("get", "Download"), "head": operation("head", "Look at")}


PATHS: dict[str, Any] = {
    "/v1/assets/{id}/original": _methods("the original", _ID),
    "/v1/assets/{id}/products/{name}": _methods(
        "a product", _ID, _parameter("name", "path", "The product's name: step, or step/file.")
    ),
}
"""OpenAPI path items."""
