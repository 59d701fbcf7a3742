"""What the operator decides about addresses of images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from mediakiln.web.derive.imgproxy.door import ImgproxyRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRules:
    """The settings behind every grammar."""

    edits: Mapping[str, type[BaseModel]]
    """Every edit that `image.transform` knows, by name, with the model of its parameters."""
    encoding: type[BaseModel]
    """The model of the encoding parameters."""
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    """What native addresses are signed with: the first signs, each verifies."""
    signature_bytes: int = 32
    signed: bool = True
    """Whether an address must be signed, or come with an API key that may read."""
    local: bool = False
    """Whether requests of this very machine need neither."""
    max_age_s: int = 3600
    """How long caches keep what an address shows that names no version."""
    presets: Mapping[str, str] = field(default_factory=dict)
    """Names to options, as native addresses write them."""
    imgproxy: "ImgproxyRules | None" = None
    """What is decided about imgproxy's addresses; None: these are not served."""
    memory_bytes: int = 64 * 1024 * 1024
    """Of images that are kept in memory."""
