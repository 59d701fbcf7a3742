"""What image operations ask of the sandbox."""

from typing import Final

from mediakiln.ports.operation import OperationCapabilities

_ROOM = "mediakiln.operations.image"

NEEDS: Final = OperationCapabilities(
    wall_s=60.0,
    preload=(
        f"{_ROOM}.pixels.picture",
        f"{_ROOM}.pixels.chain",
        f"{_ROOM}.pixels.kept",
        f"{_ROOM}.edit.canvas",
        "PIL.Image",
        "pi_heif",
    ),
    tools=("pyvips", "pyvips-binary", "pi-heif", "pillow", "imagecodecs", "imageio-ffmpeg"),
)
"""Of every operation that decodes and encodes images, so that a warm worker serves them all."""
