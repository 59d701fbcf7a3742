"""A front that speaks S3, so that existing tools upload and download unchanged."""
