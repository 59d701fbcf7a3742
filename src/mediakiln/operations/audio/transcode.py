"""audio.transcode: sound in another format, from a sound file or out of a video."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from mediakiln.model.errors import BadMedia
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.av import facts, program
from mediakiln.operations.av import source as sources
from mediakiln.operations.av.demuxers import AUDIO_TYPES, VIDEO_TYPES
from mediakiln.operations.av.facts import Facts
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

Format = Literal["mp3", "m4a", "opus", "flac", "wav"]


class _Format(NamedTuple):
    suffix: str
    media_type: str
    muxer: str
    codec: str
    rates: tuple[int, ...]
    """Sample rates the codec has, in Hz; empty: any."""
    lossless: bool = False


_FORMATS: dict[Format, _Format] = {
    "mp3": _Format(
        "mp3",
        "audio/mpeg",
        "mp3",
        "libmp3lame",
        (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    ),
    "m4a": _Format(
        "m4a",
        "audio/mp4",
        "ipod",
        "aac",
        (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
    ),
    "opus": _Format("opus", "audio/ogg", "opus", "libopus", (8000, 12000, 16000, 24000, 48000)),
    "flac": _Format("flac", "audio/flac", "flac", "flac", (), lossless=True),
    "wav": _Format("wav", "audio/wav", "wav", "pcm_s16le", (), lossless=True),
}
_DEFAULT_KBPS = {"mp3": 192, "m4a": 160, "opus": 112}


class TranscodeParams(Params):
    """What the sound is to become."""

    format: Format = Field("mp3", description="File format; m4a holds AAC.")
    bitrate_kbps: int | None = Field(
        None,
        ge=8,
        le=512,
        description="Bit rate of mp3 (to 320), m4a and opus; 192, 160 and 112 by default.",
    )
    bit_depth: Literal[16, 24] = Field(16, description="Bits a sample, of flac and wav.")
    sample_rate: int | None = Field(
        None,
        ge=8000,
        le=192_000,
        description="Hz; by default the source's, or the codec's next one up.",
    )
    channels: int | None = Field(
        None, ge=1, le=2, description="1 or 2; by default the source's, at most 2."
    )
    strip_metadata: bool = Field(default=True, description="Leave out tags and cover pictures.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        chosen = _FORMATS[self.format]
        if chosen.lossless and self.bitrate_kbps is not None:
            raise ValueError(f"{self.format} has no bitrate_kbps")
        if self.format == "mp3" and (self.bitrate_kbps or 0) > 320:  # noqa: PLR2004 - MPEG's maximum
            raise ValueError("bitrate_kbps of mp3 ends at 320")
        if self.sample_rate is not None and chosen.rates and self.sample_rate not in chosen.rates:
            allowed = ", ".join(map(str, chosen.rates))
            raise ValueError(f"sample_rate of {self.format} is one of {allowed}")
        return self


@operation(
    "audio.transcode",
    Kind.AUDIO,
    accepts=[*AUDIO_TYPES, *VIDEO_TYPES],
    produces=sorted({item.media_type for item in _FORMATS.values()}),
    capabilities=OperationCapabilities(
        wall_s=900.0,
        memory_mb=1024,
        scratch_mb=8192,
        preload=("pymediainfo", "imageio_ffmpeg"),
        tools=("imageio-ffmpeg",),
    ),
)
def transcode(
    source: Path, params: TranscodeParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Encode the first sound stream anew; more than two channels are mixed down.

    Raises:
        BadMedia: it has no sound stream, or nothing of it can be decoded.
        LimitExceeded: it is too long.
    """
    found = sources.look(source, context)
    chosen = _FORMATS[params.format]
    target = out / f"audio.{chosen.suffix}"
    arguments = [
        *program.source_options(source, context),
        *_options(params, chosen, found),
        *("-f", chosen.muxer, f"file:{target}"),
    ]
    with program.nothing_left(out):
        said = program.run(arguments, threads=context.threads)
        told = _describe(target)
    yield Product(
        file=target.name,
        media_type=chosen.media_type,
        metadata=told | sources.damage(found, told["duration_s"], said),
    )


def _options(params: TranscodeParams, chosen: _Format, found: Facts) -> list[str]:
    stream = sources.sound(found)
    channels = params.channels or min(stream.channels or 2, 2)
    options = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", str(channels)]
    rate = params.sample_rate or _rate_near(stream.sample_rate, chosen.rates)
    if rate is not None:
        options += ["-ar", str(rate)]
    if chosen.lossless:
        options += _depth(params)
    else:
        kbps = params.bitrate_kbps or _DEFAULT_KBPS[params.format]
        options += ["-c:a", chosen.codec, "-b:a", f"{kbps}k"]
    if params.strip_metadata:
        options += ["-map_metadata", "-1", "-map_chapters", "-1", "-map_metadata:s", "-1"]
    if params.format == "m4a":
        options += ["-movflags", "+faststart"]
    return [*options, "-fflags", "+bitexact", "-flags:a", "+bitexact"]


def _depth(params: TranscodeParams) -> list[str]:
    if params.format == "wav":
        return ["-c:a", f"pcm_s{params.bit_depth}le"]
    if params.bit_depth == 16:  # noqa: PLR2004 - bits
        return ["-c:a", "flac", "-sample_fmt", "s16"]
    return ["-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24"]


def _rate_near(rate: int | None, allowed: tuple[int, ...]) -> int | None:
    """The codec's rate that loses nothing of `rate`: the next one up, else its highest."""
    if rate is None or not allowed or rate in allowed:
        return None
    return min((item for item in allowed if item >= rate), default=max(allowed))


def _describe(target: Path) -> dict[str, Any]:
    made = facts.read(target)
    if not made.audio or not made.duration_s:
        raise BadMedia("no sound of it could be decoded")
    stream = made.audio[0]
    told = {
        "duration_s": made.duration_s,
        "audio_codec": stream.codec,
        "channels": stream.channels,
        "sample_rate": stream.sample_rate,
        "bitrate_kbps": made.bitrate_kbps,
    }
    return {key: value for key, value in told.items() if value is not None}
