"""How big a model is accepted, whatever the machine could bear."""

from mediakiln.model.errors import LimitExceeded

MAX_ELEMENTS = 20_000_000
"""Vertices or faces that a file declares."""
MAX_DRAWN = 40_000_000
"""Faces once every instance of every mesh is drawn."""
MAX_NODES = 50_000
MAX_DEPTH = 512
"""Nodes from a scene's root to a leaf."""
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
"""Of a zipped model."""
MAX_MEMBERS = 10_000


def at_most(limit: int, value: int, what: str) -> None:
    """Refuse more of something than is allowed.

    Raises:
        LimitExceeded: with `limit` and `value`.
    """
    if value > limit:
        raise LimitExceeded(f"it has {value} {what}; {limit} are allowed", limit=limit, value=value)
