"""What `mediakiln submit` is made of: finding files, remembering them, sending them, telling."""
