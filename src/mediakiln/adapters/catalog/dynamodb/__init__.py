"""A catalog in one DynamoDB table, and a reader of the table's stream."""

from mediakiln.adapters.catalog.dynamodb.catalog import DynamoCatalog

__all__ = ["DynamoCatalog"]
