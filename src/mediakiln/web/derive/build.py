"""The doors of images, put together."""

from collections.abc import Callable

from starlette.types import Scope

from mediakiln.stages.deliver import Deliver
from mediakiln.stages.derive import Derive
from mediakiln.web.derive.call import ImageDoor
from mediakiln.web.derive.doors import ImageDoors
from mediakiln.web.derive.gate import Gate
from mediakiln.web.derive.iiif.door import IiifDoor
from mediakiln.web.derive.images import Images
from mediakiln.web.derive.imgproxy.door import ImgproxyDoor
from mediakiln.web.derive.native.door import NativeDoor
from mediakiln.web.derive.rules import ImageRules


def image_doors(
    derive: Derive, deliver: Deliver, rules: ImageRules, base: Callable[[Scope], str]
) -> ImageDoors:
    """Every grammar of image addresses. `base` gives scheme and host as the client sees them."""
    images, gate = Images(derive, deliver, rules), Gate(rules)
    doors: list[ImageDoor] = [
        NativeDoor(images, gate, rules),
        IiifDoor(images, gate, rules, base),
    ]
    if rules.imgproxy is not None:
        doors.append(ImgproxyDoor(images, gate, rules.imgproxy))
    return ImageDoors(images, doors)
