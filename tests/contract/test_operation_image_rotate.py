"""image.rotate keeps the contract of operations."""

from golden.image_files import animation, cut_jpeg, cut_png, drawing, photo
from mediakiln.operations.image.shape.rotate import rotate
from mediakiln.testing.operation import OperationContract, Sample


class TestImageRotate(OperationContract):
    operation = rotate
    good = (
        Sample(photo, "image/jpeg", {"angle": 90}),
        Sample(photo, "image/jpeg", {"angle": 12.5, "background": "#fff", "format": "avif"}),
        Sample(animation, "image/gif", {"flip_vertical": True}),
        Sample(drawing, "image/svg+xml", {"angle": 90}),
    )
    bad = (
        Sample(cut_jpeg, "image/jpeg", {"angle": 90}),
        Sample(cut_png, "image/png", {"angle": 90}),
    )
