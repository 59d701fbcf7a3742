"""Object stores: memory and local files."""
