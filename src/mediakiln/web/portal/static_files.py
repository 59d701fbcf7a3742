"""The page's own style sheets, programs and icon, under addresses that name their content."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FOREVER: Final = "public, max-age=31536000, immutable"


class StaticFiles:
    """Every file of the `static` folder, held in memory.

    Addresses are `/static/{digest}/{name}` with one digest for the whole folder, so that a
    program's relative imports stay within its release.
    """

    def __init__(self) -> None:
        self._files = dict(_walk(files("mediakiln.web.portal") / "static"))
        self._digest = _digest(self._files)

    def url(self, name: str) -> str:
        """The address of a file; KeyError if there is none of that name."""
        self._files[name]
        return f"/static/{self._digest}/{name}"

    async def __call__(self, request: Request) -> Response:
        """Answer `GET /static/{digest}/{name}`.

        A page of another release gets this release's file, which must not be kept as the other's.
        """
        name = request.path_params["name"]
        content = self._files.get(name)
        if content is None:
            raise HTTPException(404)
        current = request.path_params["digest"] == self._digest
        return Response(
            content,
            media_type=_TYPES[name.rpartition(".")[2]],
            headers={"Cache-Control": _FOREVER if current else "no-cache"},
        )


def _walk(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.is_dir():
            found += _walk(item, f"{prefix}{item.name}/")
        elif item.name.rpartition(".")[2] in _TYPES:
            found.append((prefix + item.name, item.read_bytes()))
    return found


def _digest(contents: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
