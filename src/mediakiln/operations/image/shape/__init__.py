"""Edits of an image's outline: what is cut away, turned, or put around it."""
