"""Derive: images made on request, kept for a while, and purged with what they came from."""
