"""What can be told of an image without a model: its header, its colours, its hashes."""
