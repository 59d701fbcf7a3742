"""What video and audio share: FFmpeg run as a program, MediaInfo's facts, and the limits."""
