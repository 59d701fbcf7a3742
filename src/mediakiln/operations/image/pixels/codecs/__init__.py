"""Encoders: their options, what quality to ask of them, and formats that libvips does not write."""
