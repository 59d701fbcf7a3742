"""Jobs over the whole store."""
