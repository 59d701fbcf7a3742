"""mediakiln: put any media file in; the work its uploader asked for comes out."""

from importlib.metadata import version

__version__ = version("mediakiln")
