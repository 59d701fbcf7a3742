"""Standard output, for people and for pipes."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 1000


def console() -> "Console":
    """As wide as the terminal; where there is none, nothing is shortened to fit a width."""
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
