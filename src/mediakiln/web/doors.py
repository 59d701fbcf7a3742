"""The ways in, and the way out, by name: `web` has all; each may have processes of its own."""

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import APIRouter

from mediakiln.web.derive import routes as derive
from mediakiln.web.s3 import routes as s3
from mediakiln.web.services import Services
from mediakiln.web.tus import routes as tus
from mediakiln.web.upload import direct, multipart
from mediakiln.web.upload import routes as upload

DELIVERY: Final = "delivery"
"""The way out: originals, products, and images made on request."""
DOORS: Final[Mapping[str, Callable[[Services], APIRouter]]] = {
    "direct": direct.router,
    "upload": upload.router,
    "multipart": multipart.router,
    "tus": tus.router,
    "s3": s3.router,
    DELIVERY: derive.purging,
}
"""What `mediakiln run NAME` serves beside `/healthz`, `/readyz` and `/metrics`."""
