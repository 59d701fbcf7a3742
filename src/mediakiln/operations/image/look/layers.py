"""Images over images."""

from dataclasses import dataclass
from typing import Any, Final

from mediakiln.model.errors import InvalidRecipe
from mediakiln.operations.image.pixels import picture
from mediakiln.operations.image.pixels.edit import Scene
from mediakiln.operations.image.pixels.managed import space

_GREY: Final = {"b-w": "srgb", "grey16": "rgb16"}
_TOP: Final = 255


@dataclass(frozen=True, slots=True)
class Other:
    """Another asset's image, opened; its first frame is meant."""

    picture: picture.Picture

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """The largest size, in its proportions, that fits into this one."""
        own = self.picture.width, self.picture.height
        scale = min(width / own[0], height / own[1])
        return max(1, round(own[0] * scale)), max(1, round(own[1] * scale))

    def inside(self, width: int, height: int) -> Any:
        """As large as fits, with its proportions, as 8-bit sRGB with alpha, in memory."""
        return self.at(*self.fitted(width, height))

    def at(self, width: int, height: int) -> Any:
        """At exactly this size, as 8-bit sRGB with alpha, in memory."""
        image = self.picture.scaled(width, height, frames=False).colourspace("srgb")
        return (image if image.hasalpha() else image.addalpha()).copy_memory()


def opened(id: str, scene: Scene) -> Other:
    """The image of another asset, which the job brought along.

    Raises:
        InvalidRecipe: the job brought none: there is no way to other assets here.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: it is no image, or damaged.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    path = scene.context.inputs.get(id)
    if path is None:
        raise InvalidRecipe(
            f"the asset {id} cannot be had here",
            value=id,
            hint="name assets in recipes and addresses that a server works on",
        )
    return Other(picture.open_picture(path, scene.context))


def over(frame: Any, layer: Any, left: int, top: int, mode: str = "over") -> Any:
    """The frame with a layer of 8-bit sRGB with alpha on it, of the frame's own depth and space."""
    kind, opaque = frame.format, not frame.hasalpha()
    if frame.interpretation in _GREY:
        frame = frame.colourspace(_GREY[frame.interpretation])
    if kind == "ushort":
        layer = layer.colourspace("rgb16")
    if profile := space.profile_of(frame):
        layer = space.seen_alike(layer, profile)
    made = frame.composite2(layer, mode, x=left, y=top).cast(kind)
    made = made.copy(interpretation=frame.interpretation)
    return made.extract_band(0, n=made.bands - 1) if opaque else made


def fainter(layer: Any, opacity: float) -> Any:
    """A layer with its alpha multiplied."""
    last = layer.bands - 1
    alpha = (layer.extract_band(last) * opacity).cast(layer.format)
    return layer.extract_band(0, n=last).bandjoin(alpha)


def cut(frame: Any, mask: Any) -> Any:
    """The frame, transparent where the mask is black or transparent."""
    grey = mask.extract_band(0, n=mask.bands - 1).colourspace("b-w")
    share = (grey * mask.extract_band(mask.bands - 1)) / (_TOP * _TOP)
    frame = frame if frame.hasalpha() else frame.addalpha()
    last = frame.bands - 1
    alpha = (frame.extract_band(last) * share).rint().cast(frame.format)
    made = frame.extract_band(0, n=last).bandjoin(alpha)
    return made.copy(interpretation=frame.interpretation)
