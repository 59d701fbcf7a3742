"""video.probe: what a video's headers say, as a JSON file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.av import facts
from mediakiln.operations.av.demuxers import AUDIO_TYPES, VIDEO_TYPES
from mediakiln.operations.av.facts import Facts
from mediakiln.ports.operation import OperationCapabilities, Params, operation


class ProbeParams(Params):
    """video.probe has no parameters."""


@operation(
    "video.probe",
    Kind.VIDEO,
    accepts=[*VIDEO_TYPES, *AUDIO_TYPES],
    produces=["application/json"],
    capabilities=OperationCapabilities(
        memory_mb=512, preload=("pymediainfo",), tools=("pymediainfo",)
    ),
)
def probe(source: Path, params: ProbeParams, out: Path) -> Iterable[Product]:  # noqa: ARG001 - it has none
    """Read container, streams, rotation, HDR, frame rate, chapters and languages; decodes nothing.

    Raises:
        BadMedia: it holds neither picture nor sound.
    """
    found = facts.read(source)
    (out / "info.json").write_text(found.model_dump_json(indent=2), encoding="utf-8")
    yield Product(file="info.json", media_type="application/json", metadata=summary(found))


def summary(found: Facts) -> dict[str, Any]:
    """The few facts worth keeping on the asset's record."""
    told: dict[str, Any] = {"duration_s": found.duration_s, "container": found.container}
    if found.video:
        first = found.video[0]
        told |= {
            "width": first.display_width,
            "height": first.display_height,
            "fps": first.fps,
            "video_codec": first.codec,
            "hdr": first.hdr,
        }
    if found.audio:
        sound = found.audio[0]
        told |= {
            "audio_codec": sound.codec,
            "channels": sound.channels,
            "sample_rate": sound.sample_rate,
        }
    return {key: value for key, value in told.items() if value is not None}
