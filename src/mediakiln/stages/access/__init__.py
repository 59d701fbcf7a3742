"""Who may do what: projects, keys, upload tokens, sign-in, and the trail of what was done."""

from mediakiln.stages.access.access import Access

__all__ = ["Access"]
