"""What every image operation stands on: opening, colours, chains of edits, encodings."""
