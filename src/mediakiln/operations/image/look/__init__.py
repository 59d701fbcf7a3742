"""Edits of how an image looks: tones, colours, sharpness, what lies over it."""
