"""Catalogs: memory and SQLite."""
