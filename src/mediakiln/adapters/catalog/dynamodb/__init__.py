"""A catalog in one DynamoDB table, and a reader of the table's stream."""

from mediakiln.adapters.catalog.dynamodb.catalog import DynamoCatalog
from mediakiln.adapters.catalog.dynamodb.stream import StreamReader

__all__ = ["DynamoCatalog", "StreamReader"]
