"""The Python client."""

from mediakiln.client.aio import AsyncClient
from mediakiln.client.errors import ApiError, DownloadDamaged, SourceChanged
from mediakiln.client.images import image_address
from mediakiln.client.models import (
    ApiKey,
    Asset,
    AssetEvent,
    AuditEntry,
    DeadLetter,
    Import,
    ImportItem,
    NewApiKey,
    NewWebhook,
    PendingUpload,
    Product,
    Project,
    Reason,
    Step,
    UploadPart,
    UploadToken,
    Webhook,
)
from mediakiln.client.retry import Retry
from mediakiln.client.sync import Client

__all__ = [
    "ApiError",
    "ApiKey",
    "Asset",
    "AssetEvent",
    "AsyncClient",
    "AuditEntry",
    "Client",
    "DeadLetter",
    "DownloadDamaged",
    "Import",
    "ImportItem",
    "NewApiKey",
    "NewWebhook",
    "PendingUpload",
    "Product",
    "Project",
    "Reason",
    "Retry",
    "SourceChanged",
    "Step",
    "UploadPart",
    "UploadToken",
    "Webhook",
    "image_address",
]
