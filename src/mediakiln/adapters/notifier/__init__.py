"""Notifiers: log and webhook."""
