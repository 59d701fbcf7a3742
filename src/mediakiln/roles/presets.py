"""Presets of images' addresses: read once at the start, since an address would be refused late."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from mediakiln.model.errors import EngineMisconfigured, InvalidRequest
from mediakiln.operations.image.edit.table import EDITS
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.roles.settings import Settings
from mediakiln.web.derive.imgproxy.parsing import parsed
from mediakiln.web.derive.native.grammar import Grammar
from mediakiln.web.derive.rules import ImageRules

_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
"""What stands in an address as it is, and is parted from its neighbours in every grammar."""


def check_presets(settings: Settings) -> None:
    """Refuse presets that no address could use.

    Raises:
        EngineMisconfigured: names the preset, its option, and what is allowed.
    """
    native, others = settings.images_presets, settings.imgproxy_presets
    edits = {name: edit.params for name, edit in EDITS.items()}
    grammar = Grammar(ImageRules(edits=edits, encoding=Encoding, presets=native))
    _check("MEDIAKILN_IMAGES_PRESETS", native, grammar.check_preset)
    _check(
        "MEDIAKILN_IMGPROXY_PRESETS",
        others,
        lambda name: parsed(others[name].split("/"), others),
    )


def _check(setting: str, presets: Mapping[str, str], check: Callable[[str], object]) -> None:
    for name in presets:
        if not _NAME.fullmatch(name):
            raise EngineMisconfigured(
                f"{setting}: a preset cannot be called {name[:80]!r}",
                hint="up to 64 letters, digits and the signs . _ ~ -",
            )
        try:
            check(name)
        except InvalidRequest as error:
            raise EngineMisconfigured(
                f"{setting}: preset {name!r}: {error.message}", **_remedy(error)
            ) from error


def _remedy(error: InvalidRequest) -> dict[str, str]:
    """What to do, or what is allowed where the message does not say it already."""
    allowed, hint = error.context.get("allowed"), error.context.get("hint")
    if hint is not None:
        return {"hint": str(hint)}
    if isinstance(allowed, list):
        return {"hint": f"allowed: {', '.join(str(each) for each in allowed)}"}
    return {}
