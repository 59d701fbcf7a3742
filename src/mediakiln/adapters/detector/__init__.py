"""Detectors: one engine per file; `probes` is what the signature detector is made of."""
