"""Derive: images made on request, kept for a while, and purged with what they came from.

`Derive.get` finds or makes one; `Source` says what it is made of. `Shelf` is where it is kept, and
`ShelfSweep` holds that to its bounds, whenever `Turns` says that it is time.
"""

from mediakiln.stages.derive.derived import Derived, Original
from mediakiln.stages.derive.files import SourceFiles
from mediakiln.stages.derive.lanes import Lane
from mediakiln.stages.derive.making import Maker, Making
from mediakiln.stages.derive.plan import Planner
from mediakiln.stages.derive.shelf import Shelf
from mediakiln.stages.derive.slowness import Judge, Slowness
from mediakiln.stages.derive.source import Source, elsewhere
from mediakiln.stages.derive.stage import Derive
from mediakiln.stages.derive.sweep import ShelfSweep
from mediakiln.stages.derive.turns import Turns

__all__ = [
    "Derive",
    "Derived",
    "Judge",
    "Lane",
    "Maker",
    "Making",
    "Original",
    "Planner",
    "Shelf",
    "ShelfSweep",
    "Slowness",
    "Source",
    "SourceFiles",
    "Turns",
    "elsewhere",
]
