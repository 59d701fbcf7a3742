"""The `mediakiln` command."""
