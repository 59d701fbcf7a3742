"""The protocol in OpenAPI's words, since its door stands beside the framework."""

from collections.abc import Iterable
from typing import Any, Final

from mediakiln.stages.uploads.tus import ALGORITHMS
from mediakiln.web.tus.protocol import CONTENT_TYPE, EXTENSIONS, ROOT, VERSION

_NUMBER: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}


def _parameter(
    name: str, about: str, *, where: str = "header", required: bool = False, **schema: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": required,
        "description": about,
        "schema": schema or {"type": "string"},
    }


def _header(about: str, **schema: Any) -> dict[str, Any]:
    return {"description": about, "schema": schema or {"type": "string"}}


_ID = _parameter("id", "The upload's id, and that of its asset.", where="path", required=True)
_SPOKEN = _parameter(
    "Tus-Resumable", "The protocol's version.", required=True, type="string", enum=[VERSION]
)
_CHECKSUM = _parameter(
    "Upload-Checksum",
    f"What the body hashes to: an algorithm ({', '.join(ALGORITHMS)}), a space, and the hash in "
    "base64. The bytes count all together or not at all.",
)
_LENGTH = _parameter("Upload-Length", "The file's bytes, if not yet said.", **_NUMBER)
_CREATION = [
    _parameter("Upload-Length", "The file's bytes. Not for a final upload.", **_NUMBER),
    _parameter("Upload-Defer-Length", "The length comes later.", type="string", enum=["1"]),
    _parameter(
        "Upload-Metadata",
        "Pairs of a key and a value in base64, separated by commas: `filename` (or `name`), "
        "`filetype` (or `type`), `recipe`, `uploader`, `tags`. Further keys mean nothing.",
    ),
    _parameter(
        "Upload-Concat",
        "`partial` for a piece of a file; `final;` and the addresses of complete pieces, "
        "separated by spaces, to make a file of them.",
    ),
    _CHECKSUM,
    _parameter("Idempotency-Key", "Of creations with the same key one is done."),
]
_STANDS = {
    "Upload-Offset": _header("The bytes that are durable.", **_NUMBER),
    "Upload-Expires": _header("Until when the upload is kept if nobody goes on with it."),
    "Mediakiln-Asset": _header("The asset's address, once all bytes are there."),
}
_SEEN = _STANDS | {
    "Upload-Length": _header("The file's bytes, if they are known.", **_NUMBER),
    "Upload-Defer-Length": _header("`1` while the length is not known."),
    "Upload-Metadata": _header("As it came."),
    "Upload-Concat": _header("As it came."),
    "Cache-Control": _header("`no-store`."),
}
_ABOUT = {
    "Tus-Version": _header(f"`{VERSION}`."),
    "Tus-Extension": _header(f"`{','.join(EXTENSIONS)}`."),
    "Tus-Max-Size": _header("The most bytes of a file.", **_NUMBER),
    "Tus-Checksum-Algorithm": _header(f"`{','.join(ALGORITHMS)}`."),
}
_REFUSED = (400, 410, 412, 413, 415, 422, 423, 429, 460, 503, 507)
"""What can be wrong with a request that brings bytes."""


def _operation(
    method: str,
    summary: str,
    about: str,
    *,
    parameters: list[dict[str, Any]],
    answer: tuple[int, str, dict[str, Any]],
    problems: Iterable[int],
    body: bool = False,
) -> dict[str, Any]:
    status, meaning, headers = answer
    made: dict[str, Any] = {
        "tags": ["tus"],
        "summary": summary,
        "description": about,
        "operationId": f"{method}_tus_upload",
        "parameters": parameters,
        "responses": {str(status): {"description": meaning, "headers": headers}}
        | {str(code): {} for code in problems},
    }
    if body:
        stream = {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}
        made["requestBody"] = {"required": method == "patch", "content": stream}
    return made


def _options(operation_id: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": ["tus"],
        "summary": "Ask what the server speaks",
        "description": "Needs no key and no `Tus-Resumable`.",
        "operationId": operation_id,
        "parameters": [*parameters],
        "security": [],
        "responses": {"204": {"description": "Versions and limits.", "headers": _ABOUT}},
    }


PATHS: Final[dict[str, Any]] = {
    ROOT: {
        "post": _operation(
            "post",
            "Begin an upload by tus",
            "tus 1.0.0 (https://tus.io/protocols/resumable-upload). One of `Upload-Length` and "
            "`Upload-Defer-Length` is needed, except for a final upload. The first bytes may be "
            "the body.",
            parameters=[_SPOKEN, *_CREATION],
            answer=(
                201,
                "The upload is begun; with its last bytes, it is an asset.",
                {"Location": _header("The upload's absolute address."), **_STANDS},
            ),
            problems=(*_REFUSED, 409),
            body=True,
        ),
        "options": _options("options_tus"),
    },
    f"{ROOT}/{{id}}": {
        "head": _operation(
            "head",
            "Ask how far an upload is",
            "One that is whole is brought to its end before the answer.",
            parameters=[_ID, _SPOKEN],
            answer=(200, "How far it is.", _SEEN),
            problems=(404, 410, 412, 413, 415, 422, 423, 429, 503),
        ),
        "patch": _operation(
            "patch",
            "Append bytes",
            "A refusal changes nothing. With the last bytes the upload becomes an asset, and the "
            "answer names it.",
            parameters=[
                _ID,
                _SPOKEN,
                _parameter("Upload-Offset", "Where the body begins.", required=True, **_NUMBER),
                _LENGTH,
                _CHECKSUM,
            ],
            answer=(204, "The bytes are durable.", _STANDS),
            problems=(404, 409, *_REFUSED),
            body=True,
        ),
        "delete": _operation(
            "delete",
            "End an upload and free its space",
            "The asset of a complete one stays.",
            parameters=[_ID, _SPOKEN],
            answer=(204, "It is gone.", {}),
            problems=(404, 410, 412, 423, 429, 503),
        ),
        "options": _options("options_tus_upload", _ID),
    },
}
"""OpenAPI path items."""
