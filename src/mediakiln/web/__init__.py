"""HTTP: parse, call a stage, answer."""
