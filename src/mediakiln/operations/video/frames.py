"""video.frames: stills out of a video."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from mediakiln.model.errors import BadMedia, LimitExceeded
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.av import program
from mediakiln.operations.av import source as sources
from mediakiln.operations.av.demuxers import VIDEO_TYPES
from mediakiln.operations.av.facts import Facts, VideoStream
from mediakiln.operations.video import picture
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

_MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_SUFFIXES = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_SEEKS = 8
"""Up to so many stills are sought one by one; more come from decoding once."""
_POSTER_FRAMES = 100
"""The poster is the most typical of so many frames (FFmpeg's `thumbnail` filter)."""
_SHOWN = re.compile(r"pts_time:\s*(-?[\d.]+)")


class FramesParams(Params):
    """Which stills, how big, in which format."""

    count: int | None = Field(
        None, ge=1, le=1000, description="So many, evenly spread over the duration."
    )
    every_s: float | None = Field(None, ge=0.04, le=3600, description="One each so many seconds.")
    times: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        None, min_length=1, max_length=100, description="At these seconds; later ones give the end."
    )
    poster: bool = Field(default=False, description="Also `poster`: the most typical early frame.")
    width: int | None = Field(None, ge=16, le=8192, description="At most so wide, in pixels.")
    height: int | None = Field(None, ge=16, le=8192, description="At most so high, in pixels.")
    format: Literal["jpeg", "png", "webp"] = Field("jpeg", description="Image format.")
    quality: int = Field(85, ge=1, le=100, description="Of jpeg and webp.")

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        given = [self.count, self.every_s, self.times]
        chosen = sum(value is not None for value in given)
        if chosen > 1:
            raise ValueError("give one of count, every_s and times")
        if chosen == 0 and not self.poster:
            raise ValueError("give count, every_s or times, or poster")
        return self


@dataclass(frozen=True, slots=True)
class _Shot:
    """What every still of one run shares."""

    source: Path
    out: Path
    context: Context
    params: FramesParams
    chain: Sequence[str]
    size: tuple[int, int]

    def options(self, chain: Sequence[str]) -> list[str]:
        """Output options for a filter chain, before the file's name."""
        return [
            *("-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1"),
            *("-vf", ",".join([*chain, "showinfo=checksum=0"])),
            *("-fps_mode", "passthrough", "-threads:v", str(self.context.threads)),
            *_encoder(self.params),
        ]

    def product(self, still: "_Still", more: dict[str, int]) -> Product:
        """The still as a product, `more` joining its metadata."""
        width, height = self.size
        return Product(
            file=still.name,
            media_type=_MEDIA_TYPES[self.params.format],
            metadata={"time_s": round(still.time_s, 3), "width": width, "height": height} | more,
        )


class _Still(NamedTuple):
    name: str
    time_s: float


@operation(
    "video.frames",
    Kind.VIDEO,
    accepts=VIDEO_TYPES,
    produces=["image/jpeg", "image/png", "image/webp"],
    capabilities=OperationCapabilities(
        wall_s=900.0,
        memory_mb=3072,
        scratch_mb=4096,
        preload=("pymediainfo", "imageio_ffmpeg"),
        tools=("imageio-ffmpeg",),
    ),
)
def frames(source: Path, params: FramesParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Take stills, upright and in square pixels, each with the time it was taken at.

    A file cut short gives the stills it still has, and `missing` in their metadata.

    Raises:
        BadMedia: it has no picture stream, or no frame can be decoded.
        LimitExceeded: more stills are asked for than are allowed.
    """
    found = sources.look(source, context)
    stream = sources.picture(found)
    size = picture.fit(stream, params.width, params.height)
    shot = _Shot(source, out, context, params, _chain(params, stream, size), size)
    times = _times(params, found, stream, context)
    at_once = len(times) > _SEEKS and params.times is None
    stills = _decode_once(shot, times) if at_once else _seek_each(shot, times, stream)
    if times and not stills:
        raise BadMedia("no frame of it can be decoded at the times asked for", value=times[:8])
    lost = {"missing": len(times) - len(stills)} if len(stills) < len(times) else {}
    for still in stills:
        yield shot.product(still, lost)
    if params.poster:
        yield shot.product(_poster(shot), {})


def _times(
    params: FramesParams, found: Facts, stream: VideoStream, context: Context
) -> list[float]:
    """When the stills are wanted, in seconds from the start."""
    duration = stream.duration_s or found.duration_s
    last = max(0.0, duration - 1.5 / (stream.fps or 25.0))
    if params.times is not None:
        return [min(time, last) for time in params.times]
    if params.count is not None:
        count, step, first = params.count, duration / params.count, duration / params.count / 2
    elif params.every_s is not None:
        count, step, first = int(last / params.every_s) + 1, params.every_s, 0.0
    else:
        return []
    if count > context.max_frames:
        raise LimitExceeded(
            f"{count} stills were asked for; {context.max_frames} are allowed",
            limit=context.max_frames,
            value=count,
            hint="take them further apart",
        )
    return [min(first + step * index, last) for index in range(count)]


def _seek_each(shot: _Shot, times: Sequence[float], stream: VideoStream) -> list[_Still]:
    taken = []
    for index, time in enumerate(times, start=1):
        name = f"frame-{index:04}.{_SUFFIXES[shot.params.format]}"
        still = _take(shot, time, name)
        if still is None and time == times[-1]:
            # The stream ends before its header says: its last frame, from further back.
            still = _take(shot, max(0.0, time - 10.0 / (stream.fps or 25.0)), name, last=True)
        if still is not None:
            taken.append(still)
    return taken


def _take(shot: _Shot, time: float, name: str, *, last: bool = False) -> _Still | None:
    """Write the first frame at or after `time` (or the last one); None where there is none."""
    try:
        said = program.run(
            [
                *program.source_options(shot.source, shot.context, seek_s=time),
                *shot.options(shot.chain),
                *(["-update", "1"] if last else ["-frames:v", "1", "-update", "1"]),
                f"file:{shot.out / name}",
            ],
            threads=shot.context.threads,
            level="info",
        )
    except BadMedia:
        return None
    shown = _shown(said)
    # The filter runs ahead of the encoder, so more may have been shown than was written.
    return _Still(name, time + max(0.0, shown[-1 if last else 0])) if shown else None


def _decode_once(shot: _Shot, times: Sequence[float]) -> list[_Still]:
    first, step = times[0], times[1] - times[0]
    suffix = _SUFFIXES[shot.params.format]
    choose = f"select='gte(t,{first:.6f}+selected_n*{step:.6f})'"
    said = program.run(
        [
            *program.source_options(shot.source, shot.context),
            *shot.options([choose, *shot.chain]),
            *("-frames:v", str(len(times)), f"file:{shot.out / f'frame-%04d.{suffix}'}"),
        ],
        threads=shot.context.threads,
        level="info",
    )
    shown = _shown(said)[: len(times)]
    return [_Still(f"frame-{index:04}.{suffix}", at) for index, at in enumerate(shown, start=1)]


def _poster(shot: _Shot) -> _Still:
    name = f"poster.{_SUFFIXES[shot.params.format]}"
    said = program.run(
        [
            *program.source_options(shot.source, shot.context),
            *shot.options([f"thumbnail={_POSTER_FRAMES}", *shot.chain]),
            *("-frames:v", "1", "-update", "1", f"file:{shot.out / name}"),
        ],
        threads=shot.context.threads,
        level="info",
    )
    shown = _shown(said)
    if not shown:
        raise BadMedia("no frame of it can be decoded")
    return _Still(name, shown[0])


def _shown(said: Iterable[str]) -> list[float]:
    """The presentation times that FFmpeg's `showinfo` filter reported, in seconds."""
    return [float(found[1]) for line in said if (found := _SHOWN.search(line))]


def _encoder(params: FramesParams) -> list[str]:
    if params.format == "png":
        return ["-c:v", "png", "-pix_fmt", "rgb24"]
    if params.format == "webp":
        return ["-c:v", "libwebp", "-quality", str(params.quality), "-pix_fmt", "bgra"]
    # FFmpeg's scale goes from 2 (best) to 31.
    scale = round(31 - (params.quality - 1) * 29 / 99)
    return ["-c:v", "mjpeg", "-q:v", str(scale)]


def _chain(params: FramesParams, stream: VideoStream, size: tuple[int, int]) -> list[str]:
    chain = picture.filters(stream, size)
    if params.format == "jpeg":
        # JFIF: BT.601 over the full range, where video keeps black at 16.
        chain += ["scale=out_color_matrix=bt601:out_range=full", "format=yuv420p"]
    return chain
