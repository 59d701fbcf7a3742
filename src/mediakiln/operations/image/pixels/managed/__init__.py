"""Colour management: whose colours an image has, and how it comes to those of the result."""
