"""mediakiln: put any media file in; the work its uploader asked for comes out."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediakiln.client import AsyncClient, Client

__version__ = version("mediakiln")

__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    """The clients, imported when they are first asked for: the command line starts without."""
    if name in {"AsyncClient", "Client"}:
        from mediakiln import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
