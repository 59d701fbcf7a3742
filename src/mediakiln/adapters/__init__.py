"""Engines behind the ports: one file per engine."""
