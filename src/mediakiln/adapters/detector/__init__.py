"""Detectors: signatures and container inspection; magika as an extra."""
