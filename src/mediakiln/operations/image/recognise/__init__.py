"""What is to be seen in an image: text, faces, codes."""
