"""The Python client."""

from mediakiln.client.aio import AsyncClient
from mediakiln.client.errors import ApiError, DownloadDamaged
from mediakiln.client.models import Asset, DeadLetter, Product, Reason, Step
from mediakiln.client.retry import Retry
from mediakiln.client.sync import Client

__all__ = [
    "ApiError",
    "Asset",
    "AsyncClient",
    "Client",
    "DeadLetter",
    "DownloadDamaged",
    "Product",
    "Reason",
    "Retry",
    "Step",
]
