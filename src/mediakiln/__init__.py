"""mediakiln: put any media file in; the work its uploader asked for comes out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediakiln.client import AsyncClient, Client

    __version__: str

__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    """What costs an import, when it is first asked for: the command line starts without."""
    if name in {"AsyncClient", "Client"}:
        from mediakiln import client

        return getattr(client, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("mediakiln")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
