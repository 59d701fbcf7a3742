"""video.transcode: a video anybody's player can play."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from mediakiln.model.errors import BadMedia
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.av import facts, program
from mediakiln.operations.av import source as sources
from mediakiln.operations.av.demuxers import VIDEO_TYPES
from mediakiln.operations.av.facts import Facts, VideoStream
from mediakiln.operations.video import encoders, picture
from mediakiln.operations.video.encoders import AudioCodec, Preset, VideoCodec
from mediakiln.operations.video.probe import summary
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

_MEDIA_TYPES = {"mp4": "video/mp4", "webm": "video/webm"}


class TranscodeParams(Params):
    """What the video is to become."""

    container: Literal["mp4", "webm"] = Field("mp4", description="File format.")
    codec: VideoCodec | None = Field(
        None, description="Picture codec; by default h264 in mp4 and vp9 in webm."
    )
    width: int | None = Field(None, ge=16, le=8192, description="At most so wide, in pixels.")
    height: int | None = Field(None, ge=16, le=8192, description="At most so high, in pixels.")
    crf: int | None = Field(
        None,
        ge=0,
        le=63,
        description="Constant quality, lower is better; h264 and h265 end at 51. By default "
        "23 for h264, 28 for h265, 33 for vp9, 35 for av1.",
    )
    bitrate_kbps: int | None = Field(
        None, ge=50, le=100_000, description="Aim at this rate instead of a constant quality."
    )
    preset: Preset = Field("fast", description="Speed against size.")
    max_fps: float | None = Field(None, ge=1, le=120, description="Drop frames above this rate.")
    keyframe_s: float = Field(2.0, ge=0.1, le=30, description="Seconds between key frames.")
    deinterlace: bool = Field(default=True, description="Make full frames of an interlaced source.")
    audio: bool = Field(default=True, description="Keep the first sound stream.")
    audio_codec: AudioCodec | None = Field(
        None, description="By default aac in mp4 and opus in webm."
    )
    audio_kbps: int = Field(128, ge=16, le=512, description="Sound bit rate.")
    strip_metadata: bool = Field(default=True, description="Leave out tags, chapters and places.")
    faststart: bool = Field(
        default=True, description="mp4: index first, so that playing starts at once."
    )

    @property
    def video_codec(self) -> VideoCodec:
        """The picture codec, default resolved."""
        return self.codec or ("h264" if self.container == "mp4" else "vp9")

    @property
    def sound_codec(self) -> AudioCodec:
        """The sound codec, default resolved."""
        return self.audio_codec or ("aac" if self.container == "mp4" else "opus")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        video, audio = encoders.FITS[self.container]
        if self.video_codec not in video:
            raise ValueError(f"{self.container} takes {', '.join(sorted(video))}")
        if self.sound_codec not in audio:
            raise ValueError(f"{self.container} takes {', '.join(sorted(audio))} sound")
        limit = encoders.VIDEO[self.video_codec].max_crf
        if self.crf is not None and self.crf > limit:
            raise ValueError(f"crf of {self.video_codec} ends at {limit}")
        if self.crf is not None and self.bitrate_kbps is not None:
            raise ValueError("give crf or bitrate_kbps, not both")
        return self


@operation(
    "video.transcode",
    Kind.VIDEO,
    accepts=VIDEO_TYPES,
    produces=["video/mp4", "video/webm"],
    capabilities=OperationCapabilities(
        heavy=True,
        wall_s=3600.0,
        memory_mb=4096,
        scratch_mb=16_384,
        preload=("pymediainfo", "imageio_ffmpeg"),
        tools=("imageio-ffmpeg",),
    ),
)
def transcode(
    source: Path, params: TranscodeParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Encode a video anew: upright, 8-bit 4:2:0, never enlarged, HDR brought down to SDR.

    Raises:
        BadMedia: it has no picture stream, or nothing of it can be decoded.
        LimitExceeded: it is too long or its frames are too big.
    """
    found = sources.look(source, context)
    stream = sources.picture(found)
    target = out / f"video.{params.container}"
    arguments = [
        *program.source_options(source, context),
        *_picture_options(params, stream, context),
        *_sound_options(params, found),
        *_container_options(params),
        f"file:{target}",
    ]
    with program.nothing_left(out):
        said = program.run(arguments, threads=context.threads)
        made = _made(target)
    yield Product(
        file=target.name,
        media_type=_MEDIA_TYPES[params.container],
        metadata=summary(made) | sources.damage(found, made.duration_s, said),
    )


def _picture_options(params: TranscodeParams, stream: VideoStream, context: Context) -> list[str]:
    encoder = encoders.VIDEO[params.video_codec]
    size = picture.fit(stream, params.width, params.height, even=True)
    chain = picture.filters(stream, size, deinterlace=params.deinterlace)
    if params.max_fps is not None and (stream.fps or 0) > params.max_fps:
        chain.append(f"fps={params.max_fps}")
    if params.bitrate_kbps is None:
        crf = encoder.crf if params.crf is None else params.crf
        rate = ["-crf", str(crf), *(["-b:v", "0"] if params.video_codec == "vp9" else [])]
    else:
        rate = ["-b:v", f"{params.bitrate_kbps}k"]
    return [
        *("-map", "0:V:0", "-vf", ",".join([*chain, "format=yuv420p"])),
        *("-c:v", encoder.name, *encoder.speeds[params.preset], *rate, *encoder.extra),
        *("-force_key_frames", f"expr:gte(t,n_forced*{params.keyframe_s})"),
        *("-threads:v", str(context.threads)),
    ]


def _sound_options(params: TranscodeParams, found: Facts) -> list[str]:
    if not params.audio or not found.audio:
        return ["-an"]
    codec = encoders.AUDIO[params.sound_codec]
    # Layouts that neither encoder takes as they are (such as 5.1(side)) are mixed to stereo.
    channels = min(found.audio[0].channels or 2, 2)
    return [
        *("-map", "0:a:0", "-c:a", codec, "-ac", str(channels)),
        *("-b:a", f"{params.audio_kbps}k"),
    ]


def _container_options(params: TranscodeParams) -> list[str]:
    options = [
        "-sn",
        "-dn",
        "-fflags",
        "+bitexact",
        "-flags:v",
        "+bitexact",
        "-flags:a",
        "+bitexact",
    ]
    if params.strip_metadata:
        options += ["-map_metadata", "-1", "-map_chapters", "-1"]
    if params.container == "mp4" and params.faststart:
        options += ["-movflags", "+faststart"]
    return options


def _made(target: Path) -> Facts:
    made = facts.read(target)
    if not made.video or not made.duration_s:
        raise BadMedia("not one frame of it could be decoded")
    return made
