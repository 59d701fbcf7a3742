"""Notifiers, one engine per file."""
