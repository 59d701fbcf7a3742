"""Operations on audio, by FFmpeg as its own program."""
