"""The IIIF Image API 3.0, level 2: deep zoom and every part of an image by address."""
