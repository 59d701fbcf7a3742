"""How large pictures are and how they lie, from a few of their bytes; nothing is decoded."""
