"""A catalog on Apache Cassandra 4.0 or newer.

Every write to an asset's partition is a lightweight transaction. The rows that lead to an asset
(hints, due times, listings) are written before it, so that a crash leaves one too many, never
one too few; readers drop those that do not fit the record.
"""

from mediakiln.adapters.catalog.cassandra.catalog import CassandraCatalog

__all__ = ["CassandraCatalog"]
