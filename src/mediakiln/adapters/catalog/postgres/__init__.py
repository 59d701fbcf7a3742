"""A catalog in a PostgreSQL database, for every process of every machine."""

from mediakiln.adapters.catalog.postgres.catalog import PostgresCatalog

__all__ = ["PostgresCatalog"]
