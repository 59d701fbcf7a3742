"""What MediaInfo reads of a video's or sound's headers, in plain units.

The library gets bytes, never a path: it would otherwise look for neighbouring files by name.
Field names: https://mediaarea.net/en/MediaInfo/Support/Tags
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.errors import BadMedia, EmptyFile

Track = Mapping[str, Any]
_PLAYLISTS = frozenset({"HLS", "DASH MPD", "ISM", "HDS F4M", "DCP CPL", "IMF CPL", "P2 Clip"})


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class VideoStream(_Facts):
    """One picture stream."""

    codec: str
    profile: str | None = None
    width: int = Field(description="Stored pixels, before rotation.")
    height: int
    display_width: int = Field(description="Square pixels, as shown upright.")
    display_height: int
    pixel_aspect: float = 1.0
    rotation: int = Field(default=0, description="Degrees clockwise to turn it for showing.")
    fps: float | None = Field(default=None, description="Frames per second, on average.")
    variable_fps: bool = False
    frames: int | None = None
    duration_s: float | None = None
    bit_depth: int | None = None
    chroma: str | None = Field(default=None, description="Subsampling, such as 4:2:0.")
    interlaced: bool = False
    hdr: str | None = Field(default=None, description="HDR format or transfer, if it is HDR.")
    transfer: str | None = None
    primaries: str | None = None
    bitrate_kbps: int | None = None
    language: str | None = None


class AudioStream(_Facts):
    """One sound stream."""

    codec: str
    profile: str | None = None
    channels: int | None = None
    layout: str | None = None
    sample_rate: int | None = Field(default=None, description="Hz.")
    bit_depth: int | None = None
    duration_s: float | None = None
    bitrate_kbps: int | None = None
    language: str | None = None


class TextStream(_Facts):
    """One subtitle stream."""

    codec: str
    language: str | None = None
    forced: bool = False


class Chapter(_Facts):
    """Where a chapter begins."""

    start_s: float
    title: str


class Facts(_Facts):
    """What the file's headers say."""

    container: str
    duration_s: float
    bytes: int
    bitrate_kbps: int | None = None
    video: tuple[VideoStream, ...] = ()
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[TextStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()

    @property
    def streams(self) -> int:
        """How many streams of every sort there are."""
        return len(self.video) + len(self.audio) + len(self.subtitles)


def read(source: Path) -> Facts:
    """Read the facts of a file.

    Raises:
        BadMedia: it holds neither picture nor sound, or is a playlist of other files.
        EmptyFile: it has no bytes.
    """
    from pymediainfo import MediaInfo

    if source.stat().st_size == 0:
        raise EmptyFile
    with source.open("rb") as file:
        tracks = [track.to_data() for track in MediaInfo.parse(file).tracks]
    general = next((t for t in tracks if t["track_type"] == "General"), {})
    container = str(general.get("format", "unknown"))
    if container in _PLAYLISTS:
        raise BadMedia(f"it is a {container} playlist that refers to other files")
    facts = Facts(
        container=container,
        duration_s=_seconds(general) or 0.0,
        bytes=source.stat().st_size,
        bitrate_kbps=_kbps(general, "overall_bit_rate"),
        video=tuple(_video(t) for t in tracks if t["track_type"] == "Video"),
        audio=tuple(_audio(t) for t in tracks if t["track_type"] == "Audio"),
        subtitles=tuple(_text(t) for t in tracks if t["track_type"] == "Text"),
        chapters=tuple(c for t in tracks if t["track_type"] == "Menu" for c in _chapters(t)),
    )
    if not facts.video and not facts.audio:
        raise BadMedia(
            "no picture or sound stream was found in it: it was cut short, or never had one",
            container=container,
        )
    return facts


def _video(track: Track) -> VideoStream:
    width, height = int(track.get("width", 0)), int(track.get("height", 0))
    aspect = _number(track, "original_pixel_aspect_ratio", "pixel_aspect_ratio") or 1.0
    rotation = round(_number(track, "rotation") or 0.0) % 360
    shown = (round(width * aspect), height)
    if rotation in {90, 270}:
        shown = (shown[1], shown[0])
    transfer = track.get("transfer_characteristics")
    return VideoStream(
        codec=str(track.get("format", "unknown")),
        profile=track.get("format_profile"),
        width=width,
        height=height,
        display_width=shown[0],
        display_height=shown[1],
        pixel_aspect=aspect,
        rotation=rotation,
        fps=_fps(track),
        variable_fps=track.get("frame_rate_mode") == "VFR",
        frames=_whole(track, "frame_count"),
        duration_s=_seconds(track),
        bit_depth=_whole(track, "bit_depth"),
        chroma=track.get("chroma_subsampling"),
        interlaced=track.get("scan_type") in {"Interlaced", "MBAFF"},
        hdr=_hdr(track),
        transfer=transfer,
        primaries=track.get("color_primaries"),
        bitrate_kbps=_kbps(track, "bit_rate"),
        language=track.get("language"),
    )


def _audio(track: Track) -> AudioStream:
    return AudioStream(
        codec=str(track.get("format", "unknown")),
        profile=track.get("format_profile") or track.get("format_additionalfeatures"),
        channels=_whole(track, "channel_s"),
        layout=track.get("channel_layout"),
        sample_rate=_whole(track, "sampling_rate"),
        bit_depth=_whole(track, "bit_depth"),
        duration_s=_seconds(track),
        bitrate_kbps=_kbps(track, "bit_rate"),
        language=track.get("language"),
    )


def _text(track: Track) -> TextStream:
    return TextStream(
        codec=str(track.get("format", "unknown")),
        language=track.get("language"),
        forced=track.get("forced") == "Yes",
    )


def _chapters(track: Track) -> list[Chapter]:
    """A menu's entries are fields named by their time: `00_01_02500` is 1 min 2.5 s."""
    found = []
    for key, title in track.items():
        parts = str(key).split("_")
        if len(parts) == 3 and all(part.isdigit() for part in parts):  # noqa: PLR2004 - h, min, ms
            hours, minutes, thousandths = (int(part) for part in parts)
            start = hours * 3600 + minutes * 60 + thousandths / 1000
            found.append(Chapter(start_s=start, title=str(title).partition(":")[2] or str(title)))
    return found


def _hdr(track: Track) -> str | None:
    if named := track.get("hdr_format"):
        return str(named)
    transfer = str(track.get("transfer_characteristics") or "")
    return transfer if transfer in {"PQ", "HLG"} else None


def _fps(track: Track) -> float | None:
    top, bottom = _whole(track, "framerate_num"), _whole(track, "framerate_den")
    if top and bottom:
        return float(Fraction(top, bottom))
    return _number(track, "frame_rate")


def _seconds(track: Track) -> float | None:
    milliseconds = _number(track, "duration")
    return None if milliseconds is None else milliseconds / 1000


def _kbps(track: Track, key: str) -> int | None:
    rate = _number(track, key)
    return None if rate is None else round(rate / 1000)


def _whole(track: Track, key: str) -> int | None:
    number = _number(track, key)
    return None if number is None else round(number)


def _number(track: Track, *keys: str) -> float | None:
    """The first of these fields that is a number; MediaInfo writes `6 / 2` where it saw two."""
    for key in keys:
        value = track.get(key)
        try:
            return float(str(value).partition("/")[0])
        except ValueError:
            continue
    return None
