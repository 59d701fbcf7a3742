"""How stills are taken: sought one by one, or picked while decoding once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from mediakiln.model.errors import BadMedia
from mediakiln.operations.av import program
from mediakiln.operations.av.facts import VideoStream
from mediakiln.operations.video import picture
from mediakiln.ports.operation import Context

Format = Literal["jpeg", "png", "webp"]
SUFFIXES: dict[Format, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_POSTER_FRAMES = 100
"""The poster is the most typical of so many frames (FFmpeg's `thumbnail` filter)."""
_SHOWN = re.compile(r"pts_time:\s*(-?[\d.]+)")


class Still(NamedTuple):
    """One still that was written."""

    name: str
    time_s: float
    """When it is shown, from the start."""


@dataclass(frozen=True, slots=True)
class Camera:
    """What every still of one run shares."""

    source: Path
    out: Path
    context: Context
    stream: VideoStream
    size: tuple[int, int]
    format: Format
    quality: int

    def shoot(
        self,
        target: str,
        more: Sequence[str],
        *,
        seek_s: float | None = None,
        before: Sequence[str] = (),
    ) -> list[float]:
        """Write `target` (a name or a %04d pattern); returns when the frames are shown.

        `before` are filters that choose frames, `more` output options that limit them.
        """
        chain = [*before, *_chain(self), "showinfo=checksum=0"]
        said = program.run(
            [
                *program.source_options(self.source, self.context, seek_s=seek_s),
                *("-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1"),
                *("-vf", ",".join(chain), "-fps_mode", "passthrough"),
                *("-threads:v", str(self.context.threads), "-fflags", "+bitexact"),
                *("-flags:v", "+bitexact", *_encoder(self.format, self.quality)),
                *(*more, f"file:{self.out / target}"),
            ],
            threads=self.context.threads,
            level="info",
        )
        return [float(found[1]) for line in said if (found := _SHOWN.search(line))]


def seek_each(camera: Camera, times: Sequence[float]) -> list[Still]:
    """One run per time: quick for few, since each decodes only from the key frame before it.

    Where the stream ends before its header says, the last one wanted is its last frame.
    """
    taken = []
    for index, time in enumerate(times, start=1):
        name = f"frame-{index:04}.{SUFFIXES[camera.format]}"
        still = _take(camera, time, name)
        if still is None and time == times[-1]:
            earlier = max(0.0, time - 10.0 / (camera.stream.fps or 25.0))
            still = _take(camera, earlier, name, last=True)
        if still is not None:
            taken.append(still)
    return taken


def decode_once(camera: Camera, times: Sequence[float]) -> list[Still]:
    """All of evenly spaced times (two at least) out of one run: the first frame not before each."""
    first, step = times[0], times[1] - times[0]
    suffix = SUFFIXES[camera.format]
    shown = camera.shoot(
        f"frame-%04d.{suffix}",
        ["-frames:v", str(len(times))],
        before=[f"select='gte(t,{first:.6f}+selected_n*{step:.6f})'"],
    )
    return [
        Still(f"frame-{index:04}.{suffix}", time)
        for index, time in enumerate(shown[: len(times)], start=1)
    ]


def poster(camera: Camera) -> Still:
    """The most typical early frame.

    Raises:
        BadMedia: no frame can be decoded.
    """
    name = f"poster.{SUFFIXES[camera.format]}"
    shown = camera.shoot(
        name, ["-frames:v", "1", "-update", "1"], before=[f"thumbnail={_POSTER_FRAMES}"]
    )
    if not shown:
        raise BadMedia("no frame of it can be decoded")
    return Still(name, shown[0])


def _take(camera: Camera, time: float, name: str, *, last: bool = False) -> Still | None:
    """Write the first frame at or after `time` (or the last one); None where there is none."""
    more = ["-update", "1"] if last else ["-frames:v", "1", "-update", "1"]
    try:
        shown = camera.shoot(name, more, seek_s=time)
    except BadMedia:
        return None
    # The filter runs ahead of the encoder, so more may have been shown than was written.
    return Still(name, time + max(0.0, shown[-1 if last else 0])) if shown else None


def _chain(camera: Camera) -> list[str]:
    chain = picture.filters(camera.stream, camera.size)
    if camera.format == "jpeg":
        # JFIF: BT.601 over the full range, where video keeps black at 16.
        chain += ["scale=out_color_matrix=bt601:out_range=full", "format=yuv420p"]
    return chain


def _encoder(form: Format, quality: int) -> list[str]:
    if form == "png":
        return ["-c:v", "png", "-pix_fmt", "rgb24"]
    if form == "webp":
        return ["-c:v", "libwebp", "-quality", str(quality), "-pix_fmt", "bgra"]
    # FFmpeg's scale goes from 2 (best) to 31.
    scale = round(31 - (quality - 1) * 29 / 99)
    return ["-c:v", "mjpeg", "-q:v", str(scale)]
