"""How each video and audio codec is asked for: FFmpeg's encoder, its quality and its speed."""

from typing import Literal, NamedTuple

VideoCodec = Literal["h264", "h265", "vp9", "av1"]
AudioCodec = Literal["aac", "opus"]
Preset = Literal["ultrafast", "veryfast", "fast", "medium", "slow"]


class Encoder(NamedTuple):
    """One encoder and its scales."""

    name: str
    crf: int
    """Constant quality by default; lower is better and bigger."""
    max_crf: int
    speeds: dict[Preset, tuple[str, ...]]
    """Options of each preset."""
    extra: tuple[str, ...] = ()


def _x26x() -> dict[Preset, tuple[str, ...]]:
    names: tuple[Preset, ...] = ("ultrafast", "veryfast", "fast", "medium", "slow")
    return {name: ("-preset", name) for name in names}


VIDEO: dict[VideoCodec, Encoder] = {
    "h264": Encoder("libx264", 23, 51, _x26x()),
    "h265": Encoder(
        "libx265", 28, 51, _x26x(), ("-tag:v", "hvc1", "-x265-params", "log-level=error")
    ),
    "vp9": Encoder(
        "libvpx-vp9",
        33,
        63,
        {
            "ultrafast": ("-deadline", "realtime", "-cpu-used", "8"),
            "veryfast": ("-deadline", "realtime", "-cpu-used", "6"),
            "fast": ("-deadline", "good", "-cpu-used", "4"),
            "medium": ("-deadline", "good", "-cpu-used", "2"),
            "slow": ("-deadline", "good", "-cpu-used", "1"),
        },
        ("-row-mt", "1"),
    ),
    "av1": Encoder(
        "libsvtav1",
        35,
        63,
        {
            "ultrafast": ("-preset", "12"),
            "veryfast": ("-preset", "10"),
            "fast": ("-preset", "8"),
            "medium": ("-preset", "6"),
            "slow": ("-preset", "4"),
        },
    ),
}
AUDIO: dict[AudioCodec, str] = {"aac": "aac", "opus": "libopus"}

FITS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "mp4": (frozenset({"h264", "h265", "vp9", "av1"}), frozenset({"aac", "opus"})),
    "webm": (frozenset({"vp9", "av1"}), frozenset({"opus"})),
}
"""Container to the video and the audio codecs that players expect in it."""
