"""Ways out: originals and products."""
