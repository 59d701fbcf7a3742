"""The Python client."""

from mediakiln.client.aio import AsyncClient
from mediakiln.client.errors import ApiError, DownloadDamaged, SourceChanged
from mediakiln.client.models import (
    Asset,
    DeadLetter,
    PendingUpload,
    Product,
    Reason,
    Step,
    UploadPart,
)
from mediakiln.client.retry import Retry
from mediakiln.client.sync import Client

__all__ = [
    "ApiError",
    "Asset",
    "AsyncClient",
    "Client",
    "DeadLetter",
    "DownloadDamaged",
    "PendingUpload",
    "Product",
    "Reason",
    "Retry",
    "SourceChanged",
    "Step",
    "UploadPart",
]
