"""Metadata that stays with an image: read, rid of what must not leave, written again."""
