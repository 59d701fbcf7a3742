"""The page at `/`: drop files, watch them being worked on, look at what came out."""
