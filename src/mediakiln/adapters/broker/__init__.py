"""Brokers: memory and SQLite."""
