"""Native addresses of images in OpenAPI's words, since they stand beside the framework."""

from typing import Any, Final

_HEADERS: Final = {
    name: {"schema": {"type": "string"}, "description": description}
    for name, description in {
        "ETag": "Changes exactly when the bytes do.",
        "Cache-Control": "`immutable` where the options name a version.",
        "Vary": "The headers that the options left something to.",
        "Surrogate-Key": "`asset-{id} project-{name}`, for caches that purge by it.",
    }.items()
}
_IMAGE: Final = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Final[dict[str, Any]] = {
    "200": {"description": "The image.", "headers": _HEADERS, "content": _IMAGE},
    "206": {"description": "The ranges asked for.", "headers": _HEADERS, "content": _IMAGE},
    "304": {"description": "Not modified."},
    **{status: {} for status in ("400", "403", "404", "410", "415", "416", "422", "503")},
}


def _parameter(name: str, where: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": {"type": "string"},
    }


_PARAMETERS: Final = [
    _parameter(
        "options",
        "path",
        "Segments of options, such as `w_400,h_300,fit_cover,f_auto`; the first may be a "
        "signature, `s_…`. It may hold slashes.",
    ),
    _parameter("asset", "path", "The asset's id, perhaps with an extension that is the format."),
    _parameter("Accept", "header", "Minded where the options say `f_auto`."),
    _parameter("If-None-Match", "header", "Answer 304 if the ETag is one of these."),
    _parameter("Range", "header", "At most 16 ranges of bytes."),
]


def _operation(method: str, verb: str) -> dict[str, Any]:
    return {
        "tags": ["delivery"],
        "summary": f"{verb} an image, made on request",
        "description": "The address is signed, or a key that may read is sent.",
        "operationId": f"{method}_image",
        "security": [],
        "parameters": _PARAMETERS,
        "responses": {status: dict(answer) for status, answer in _ANSWERS.items()},
    }


PATHS: Final[dict[str, Any]] = {
    "/i/{options}/{asset}": {
        "get": _operation("get", "Download"),
        "head": _operation("head", "Look at"),
    }
}
"""OpenAPI path items."""
