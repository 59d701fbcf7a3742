"""Addresses of images that are made on request: what every grammar shares, and the native one."""
