"""The versioned interface: its routes, its JSON and its description."""
