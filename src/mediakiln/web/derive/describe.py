"""Addresses of images in OpenAPI's words, since they stand beside the framework."""

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


_CONDITIONS: Final = [
    _parameter("If-None-Match", "header", "Answer 304 if the ETag is one of these."),
    _parameter("Range", "header", "At most 16 ranges of bytes."),
]
_NATIVE: Final = [
    _parameter(
        "options",
        "path",
        "Segments of options, such as `w_400,h_300,fit_cover,f_auto`; the first may be a "
        "signature, `s_…`. It may hold slashes.",
    ),
    _parameter("asset", "path", "The asset's id, perhaps with an extension that is the format."),
    _parameter("Accept", "header", "Minded where the options say `f_auto`."),
    *_CONDITIONS,
]
_IMGPROXY: Final = [
    _parameter("signature", "path", "HMAC-SHA256 in base64url; `_` or `unsafe` where none is due."),
    _parameter(
        "address",
        "path",
        "Options and source as imgproxy writes them, such as `rs:fill:300:200/plain/{asset}@webp`. "
        "It may hold slashes.",
    ),
    _parameter("Accept", "header", "Minded where `imgproxy_auto_format` is set."),
    *_CONDITIONS,
]
_IDENTIFIER: Final = _parameter(
    "identifier",
    "path",
    "The asset's id, or `{id}%2F{product}`; with `~` and the signature where one is due.",
)
_IIIF: Final = [
    _IDENTIFIER,
    _parameter("region", "path", "`full`, `square`, `x,y,w,h` or `pct:x,y,w,h`."),
    _parameter("size", "path", "`max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`; `^` may enlarge."),
    _parameter("rotation", "path", "Degrees clockwise, 0 to 360; `!` mirrors first."),
    _parameter("quality", "path", "`default`, `color`, `gray` or `bitonal`."),
    _parameter("format", "path", "`jpg`, `png`, `webp`, `gif` or `tif`."),
    *_CONDITIONS,
]
_PROFILE: Final = "The IIIF Image API 3.0, level 2. The address is signed, or a key is sent."
_SENT: Final = "The address is signed, or a key that may read is sent."


def _image(
    name: str, verbs: str, description: str, parameters: list[dict[str, Any]], *also: str
) -> dict[str, Any]:
    """The path item of an image: GET and HEAD; `also` are further error answers."""
    return {
        method: {
            "tags": ["delivery"],
            "summary": f"{verb} {verbs}",
            "description": description,
            "operationId": f"{method}_{name}",
            "security": [],
            "parameters": parameters,
            "responses": {status: dict(answer) for status, answer in _ANSWERS.items()}
            | {status: {} for status in also},
        }
        for method, verb in (("get", "Download"), ("head", "Look at"))
    }


def _information(summary: str, name: str, answers: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "tags": ["delivery"],
            "summary": summary,
            "description": _PROFILE,
            "operationId": name,
            "security": [],
            "parameters": [_IDENTIFIER],
            "responses": answers
            | {status: {} for status in ("400", "403", "404", "410", "415", "422", "503")},
        }
    }


PATHS: Final[dict[str, Any]] = {
    "/i/{options}/{asset}": _image("image", "an image, made on request", _SENT, _NATIVE),
    "/imgproxy/{signature}/{address}": _image(
        "imgproxy_image", "an image by imgproxy's address", _SENT, _IMGPROXY, "502"
    ),
    "/iiif/{identifier}": _information(
        "Go to what IIIF tells of an image",
        "get_iiif",
        {"303": {"description": "Its information is at the `Location`."}},
    ),
    "/iiif/{identifier}/info.json": _information(
        "What IIIF tells of an image",
        "get_iiif_information",
        {
            "200": {
                "description": "Sides, sizes, tiles and formats.",
                "content": {
                    type: {"schema": {"type": "object"}}
                    for type in ("application/json", "application/ld+json")
                },
            },
            "304": {"description": "Not modified."},
        },
    ),
    "/iiif/{identifier}/{region}/{size}/{rotation}/{quality}.{format}": _image(
        "iiif_image", "an image, or a part of it, by IIIF", _PROFILE, _IIIF
    ),
}
"""OpenAPI path items."""
