"""Content credentials: where an image comes from, and what was done to it."""
