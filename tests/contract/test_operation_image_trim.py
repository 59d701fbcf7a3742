"""image.trim keeps the contract of operations."""

from golden.image_files import animation, cut_jpeg, cut_png, drawing, photo
from mediakiln.operations.image.shape.trim import trim
from mediakiln.testing.operation import OperationContract, Sample


class TestImageTrim(OperationContract):
    operation = trim
    good = (
        Sample(photo, "image/jpeg", {}),
        Sample(photo, "image/jpeg", {"border_colour": "#e61e1e", "threshold": 90}),
        Sample(animation, "image/gif", {"equal_horizontal": True}),
        Sample(drawing, "image/svg+xml", {}),
    )
    bad = (
        Sample(cut_jpeg, "image/jpeg", {}),
        Sample(cut_png, "image/png", {}),
    )
