"""Uploads in several requests: their records, and what each door does with them."""
