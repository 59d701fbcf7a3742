"""The contract suites for whoever writes an engine or an operation."""
