"""Edits: changes of pixels that an operation does alone and a chain does one after another.

An edit's own parameters say nothing of encodings, so that `image.transform` and addresses that
ask for images can line up several between one decoding and one encoding.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediakiln.operations.image.pixels.managed.target import SRGB, Target
from mediakiln.ports.operation import Context, Params

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.parts.view import View
    from mediakiln.operations.image.pixels.picture import Picture

Frames = list[Any]
"""libvips images of one size, upright, 8 bits a channel; one unless it is an animation."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an edit may know beside the pixels: whose they were, and the job's limits."""

    picture: "Picture"
    """The source, as it was opened: its own size, format and header."""
    context: Context
    frames: bool
    """Whether all frames of an animation are worked on."""
    target: Target = SRGB
    """The colours that the pixels are in."""


Apply = Callable[[Frames, Any, Scene], Frames]
Narrow = Callable[["View", Any, Scene], "View | None"]
Others = Callable[[Any], Iterable[str]]
Load = Callable[["View", Any, Scene], Frames]


@dataclass(frozen=True, slots=True)
class Edit:
    """One kind of change. Its functions import libvips themselves, so naming it stays cheap."""

    name: str
    """Of the operation that does it alone."""
    params: type[Params]
    """Its own parameters; the operation's have those of `Encoding` too."""
    apply: Apply
    """The frames after the change. All frames must come out at one size."""
    narrow: Narrow | None = None
    """Where it comes first, or after others that narrow: what it leaves of a still's view, if it
    does no more than cut and turn. None: it does more than that with these parameters."""
    load: Load | None = None
    """Where nothing comes before it but edits that narrow: decode the view and do this step in
    one go, since decoders shrink for less than they decode. With frames the view is whole."""
    others: Others | None = None
    """Which other assets it reads: their files are in the context's `inputs`."""
    rereads: bool = False
    """It reads pixels more than once or out of order, so they must be decoded before it."""


@dataclass(frozen=True, slots=True)
class Step:
    """An edit with its parameters, of the edit's own model or one that has its fields."""

    edit: Edit
    params: Any
