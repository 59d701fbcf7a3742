"""Objects made of parts: in memory, and in place on the local disk."""
