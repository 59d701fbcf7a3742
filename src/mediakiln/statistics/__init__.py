"""Windows, usage and duplicates: pure folds over events."""
