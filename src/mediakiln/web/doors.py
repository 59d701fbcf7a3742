"""The ways in, by name. `web` has all of them; each may be served by processes of its own."""

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import APIRouter

from mediakiln.web.s3 import routes as s3
from mediakiln.web.services import Services
from mediakiln.web.tus import routes as tus
from mediakiln.web.upload import direct, multipart
from mediakiln.web.upload import routes as upload

DOORS: Final[Mapping[str, Callable[[Services], APIRouter]]] = {
    "direct": direct.router,
    "upload": upload.router,
    "multipart": multipart.router,
    "tus": tus.router,
    "s3": s3.router,
}
"""What `mediakiln run NAME` serves beside `/healthz`, `/readyz` and `/metrics`."""
