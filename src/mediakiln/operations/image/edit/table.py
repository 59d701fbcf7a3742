"""Every edit, by the name that chains and addresses call it."""

from collections.abc import Mapping
from typing import Final

from mediakiln.operations.image.edit.resize import RESIZE
from mediakiln.operations.image.pixels.edit import Edit

EDITS: Final[Mapping[str, Edit]] = {edit.name: edit for edit in (RESIZE,)}
