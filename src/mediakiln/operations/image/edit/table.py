"""Every edit, by the name that chains and addresses call it."""

from collections.abc import Mapping
from typing import Final

from mediakiln.operations.image.edit.redact import REDACT
from mediakiln.operations.image.edit.resize import RESIZE
from mediakiln.operations.image.look.adjust import ADJUST
from mediakiln.operations.image.look.compose import COMPOSE
from mediakiln.operations.image.look.watermark import WATERMARK
from mediakiln.operations.image.pixels.edit import Edit
from mediakiln.operations.image.shape.crop import CROP
from mediakiln.operations.image.shape.pad import PAD
from mediakiln.operations.image.shape.rotate import ROTATE
from mediakiln.operations.image.shape.trim import TRIM

EDITS: Final[Mapping[str, Edit]] = {
    edit.name: edit
    for edit in (RESIZE, CROP, ROTATE, TRIM, PAD, ADJUST, WATERMARK, COMPOSE, REDACT)
}
