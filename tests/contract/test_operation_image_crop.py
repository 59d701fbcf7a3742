"""image.crop keeps the contract of operations."""

from golden.image_files import animation, cut_jpeg, cut_png, drawing, photo
from mediakiln.operations.image.shape.crop import crop
from mediakiln.testing.operation import OperationContract, Sample


class TestImageCrop(OperationContract):
    operation = crop
    good = (
        Sample(photo, "image/jpeg", {"width": 64, "ratio": "1:1"}),
        Sample(photo, "image/jpeg", {"left": "10%", "top": 5, "width": 50, "format": "webp"}),
        Sample(photo, "image/jpeg", {"ratio": "16:9", "position": "attention"}),
        Sample(animation, "image/gif", {"ratio": "1:1", "focus_x": 0.2}),
        Sample(drawing, "image/svg+xml", {"width": 64, "ratio": "1:1"}),
    )
    bad = (
        Sample(cut_jpeg, "image/jpeg", {"width": 64, "ratio": "1:1"}),
        Sample(cut_png, "image/png", {"width": 64, "ratio": "1:1"}),
    )
