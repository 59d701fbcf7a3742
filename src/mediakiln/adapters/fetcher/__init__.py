"""Engines that fetch: from URLs, buckets and folders."""
