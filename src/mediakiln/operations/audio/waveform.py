"""audio.waveform: the shape of a sound, as numbers and as a picture."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mediakiln.model.errors import BadMedia
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.audio import drawing
from mediakiln.operations.audio.peaks import measure
from mediakiln.operations.av import program
from mediakiln.operations.av import source as sources
from mediakiln.operations.av.demuxers import AUDIO_TYPES, VIDEO_TYPES
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.audio.peaks import Samples

_FALLBACK_RATE = 44_100


class WaveformParams(Params):
    """How fine the numbers, how big the picture."""

    width: int = Field(
        1800, ge=16, le=20_000, description="Most points of the data; the picture's pixels across."
    )
    height: int = Field(280, ge=16, le=2000, description="The picture's pixels down.")
    split_channels: bool = Field(
        default=False, description="Measure left and right apart instead of their mix."
    )
    bits: Literal[8, 16] = Field(8, description="Bits of each number in the data.")
    picture: Literal["png", "svg", "none"] = Field("png", description="Picture format.")
    colour: str = Field(
        "#e0622c", pattern=r"^#[0-9a-fA-F]{6}$", description="Of the wave, as #rrggbb."
    )
    background: str | None = Field(
        None, pattern=r"^#[0-9a-fA-F]{6}$", description="As #rrggbb; transparent by default."
    )


@operation(
    "audio.waveform",
    Kind.AUDIO,
    accepts=[*AUDIO_TYPES, *VIDEO_TYPES],
    produces=["application/json", "image/png", "image/svg+xml"],
    capabilities=OperationCapabilities(
        wall_s=600.0,
        memory_mb=1024,
        scratch_mb=64,
        preload=("numpy", "PIL.Image", "pymediainfo", "imageio_ffmpeg"),
        tools=("imageio-ffmpeg", "numpy", "pillow"),
    ),
)
def waveform(
    source: Path, params: WaveformParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Measure lowest and highest samples over time; a JSON file (version 2) and a picture.

    The JSON's form is that of https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md

    Raises:
        BadMedia: it has no sound stream, or nothing of it can be decoded.
        LimitExceeded: it is too long.
    """
    found = sources.look(source, context)
    stream = sources.sound(found)
    channels = min(stream.channels or 1, 2) if params.split_channels else 1
    rate = stream.sample_rate or _FALLBACK_RATE
    arguments = [
        *program.source_options(source, context),
        *("-map", "0:a:0", "-vn", "-ac", str(channels), "-ar", str(rate)),
        *("-f", "s16le", "-c:a", "pcm_s16le"),
    ]
    with program.stream(arguments, threads=context.threads) as pcm:
        peaks = measure(pcm, channels, params.width)
    if not peaks.samples:
        raise BadMedia("no sound of it could be decoded")
    low, high, per_point = peaks.reduce()
    lasted = round(peaks.samples / rate, 3)
    told = {"duration_s": lasted, "channels": channels} | sources.damage(found, lasted, [])
    data = _data(low, high, params.bits) | {
        "channels": channels,
        "sample_rate": rate,
        "samples_per_pixel": per_point,
    }
    (out / "waveform.json").write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
    yield Product(
        file="waveform.json",
        media_type="application/json",
        metadata=told | {"points": len(low), "peak": _peak(low, high)},
    )
    if params.picture != "none":
        yield _picture(params, low, high, out, told)


def _data(low: "Samples", high: "Samples", bits: int) -> dict[str, Any]:
    """The format's `data`: for each point, each channel's lowest and highest in turn."""
    import numpy as np

    pairs = np.stack([low, high], axis=2)
    scaled = pairs >> 8 if bits == 8 else pairs  # noqa: PLR2004 - the top byte of 16 bits
    return {"version": 2, "bits": bits, "length": len(low), "data": scaled.reshape(-1).tolist()}


def _peak(low: "Samples", high: "Samples") -> float:
    """The loudest sample, 1.0 being full scale."""
    return round(max(-int(low.min()), int(high.max())) / 32768, 4)


def _picture(
    params: WaveformParams, low: "Samples", high: "Samples", out: Path, told: dict[str, Any]
) -> Product:
    target = out / f"waveform.{params.picture}"
    look = drawing.Look(params.width, params.height, params.colour, params.background)
    if params.picture == "png":
        drawing.png(low, high, look, target)
    else:
        drawing.svg(low, high, look, target)
    media_type = "image/png" if params.picture == "png" else "image/svg+xml"
    return Product(
        file=target.name,
        media_type=media_type,
        metadata=told | {"width": params.width, "height": params.height},
    )
