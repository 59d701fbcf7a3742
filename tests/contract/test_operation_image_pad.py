"""image.pad keeps the contract of operations."""

from golden.image_files import animation, cut_jpeg, cut_png, drawing, photo
from mediakiln.operations.image.shape.pad import pad
from mediakiln.testing.operation import OperationContract, Sample


class TestImagePad(OperationContract):
    operation = pad
    good = (
        Sample(photo, "image/jpeg", {"padding": 8, "background": "#123456"}),
        Sample(
            photo, "image/jpeg", {"ratio": "1:1", "border": 3, "radius": "max", "format": "png"}
        ),
        Sample(animation, "image/gif", {"width": 100, "flatten": True}),
        Sample(drawing, "image/svg+xml", {"padding": 8, "background": "#123456"}),
    )
    bad = (
        Sample(cut_jpeg, "image/jpeg", {"padding": 8, "background": "#123456"}),
        Sample(cut_png, "image/png", {"padding": 8, "background": "#123456"}),
    )
