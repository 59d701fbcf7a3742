"""video.frames: stills out of a video."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mediakiln.model.errors import BadMedia, LimitExceeded
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.av import program
from mediakiln.operations.av import source as sources
from mediakiln.operations.av.demuxers import VIDEO_TYPES
from mediakiln.operations.av.facts import Facts, VideoStream
from mediakiln.operations.av.limits import MAX_DURATION_S
from mediakiln.operations.video import picture, stills
from mediakiln.operations.video.stills import Camera, Format
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

_MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_Second = Annotated[float, Field(ge=0, le=MAX_DURATION_S, description="Seconds from the start.")]
_SEEKS = 8
"""Up to so many stills are sought one by one; more come from decoding once."""


class FramesParams(Params):
    """Which stills, how big, in which format."""

    count: int | None = Field(
        None, ge=1, le=1000, description="So many, evenly spread over the duration."
    )
    every_s: float | None = Field(None, ge=0.04, le=3600, description="One each so many seconds.")
    times: tuple[_Second, ...] | None = Field(
        None, min_length=1, max_length=100, description="At these seconds; later ones give the end."
    )
    poster: bool = Field(default=False, description="Also `poster`: the most typical early frame.")
    width: int | None = Field(None, ge=16, le=8192, description="At most so wide, in pixels.")
    height: int | None = Field(None, ge=16, le=8192, description="At most so high, in pixels.")
    format: Format = Field("jpeg", description="Image format.")
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
    camera = Camera(source, out, context, stream, size, params.format, params.quality)
    times = _times(params, found, stream, context)
    with program.nothing_left(out):
        at_once = len(times) > _SEEKS and params.times is None
        taken = (stills.decode_once if at_once else stills.seek_each)(camera, times)
        if times and not taken:
            raise BadMedia("no frame of it can be decoded at the times asked for", value=times[:8])
        posters = [stills.poster(camera)] if params.poster else []
    lost = {"missing": len(times) - len(taken)} if len(taken) < len(times) else {}
    for still in [*taken, *posters]:
        yield Product(
            file=still.name,
            media_type=_MEDIA_TYPES[params.format],
            metadata={
                "time_s": round(still.time_s, 3),
                "width": size[0],
                "height": size[1],
            }
            | lost,
        )


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
