"""imgproxy's addresses, so that what was written for it works here unchanged."""
