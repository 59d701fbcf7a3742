"""Linux interfaces that Python has no module for."""
