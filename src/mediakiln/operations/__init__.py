"""The built-in operations: one file each, entered by the `mediakiln.operations` entry points."""
