"""Which part of an image is wanted, and which way up, before anything is decoded."""
