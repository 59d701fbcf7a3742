"""Object stores in a cloud: S3 and what is compatible, Google Cloud Storage, Azure Blob Storage.

Each engine is imported when it is asked for: only S3 needs a package of its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediakiln.adapters.object_store.cloud.azure.store import AzureObjectStore
    from mediakiln.adapters.object_store.cloud.gcs.store import GcsObjectStore
    from mediakiln.adapters.object_store.cloud.s3.store import S3ObjectStore

__all__ = ["AzureObjectStore", "GcsObjectStore", "S3ObjectStore"]

_ENGINES = {
    "AzureObjectStore": "azure.store",
    "GcsObjectStore": "gcs.store",
    "S3ObjectStore": "s3.store",
}


def __getattr__(name: str) -> Any:
    if name not in _ENGINES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_ENGINES[name]}"), name)
