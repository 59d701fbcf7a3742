"""image.resize keeps the contract of operations."""

from golden.image_files import animation, cut_jpeg, cut_png, drawing, photo
from mediakiln.operations.image.edit.resize import resize
from mediakiln.testing.operation import OperationContract, Sample


class TestImageResize(OperationContract):
    operation = resize
    good = (
        Sample(photo, "image/jpeg", {"width": 64}),
        Sample(photo, "image/jpeg", {"widths": [32, 64], "format": "webp"}),
        Sample(photo, "image/jpeg", {"width": 64, "format": "avif"}),
        Sample(animation, "image/gif", {"width": 32, "height": 32, "fit": "cover"}),
        Sample(drawing, "image/svg+xml", {"width": 100, "format": "png"}),
    )
    bad = (
        Sample(cut_jpeg, "image/jpeg", {"width": 64}),
        Sample(cut_jpeg, "image/jpeg", {"widths": [16, 32]}),
        Sample(cut_png, "image/png", {"width": 64, "format": "webp"}),
    )
