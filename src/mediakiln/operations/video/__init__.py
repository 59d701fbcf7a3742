"""Operations on videos, by FFmpeg as its own program."""
