"""Uploads in S3's manner: objects under keys that their clients choose."""
