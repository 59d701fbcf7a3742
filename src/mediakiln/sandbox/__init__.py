"""Runs operations in child processes under limits, and ends those that exceed them."""
