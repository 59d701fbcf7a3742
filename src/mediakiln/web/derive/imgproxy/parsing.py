"""imgproxy's processing options: from the words of an address to what they ask for."""

from collections.abc import Mapping
from typing import Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.ports.mistakes import meant
from mediakiln.web.derive.imgproxy.address import Address
from mediakiln.web.derive.imgproxy.options import FORMATS, Options
from mediakiln.web.derive.imgproxy.setters import MOST, SETTERS
from mediakiln.web.derive.imgproxy.words import wrong

_DEFAULT: Final = "default"


def parsed(options: list[str], presets: Mapping[str, str]) -> Options:
    """Understand `rs:fill:300:200`, `q:80`, …, in their order: the last word counts.

    The preset `default`, where there is one, comes first.

    Raises:
        InvalidRequest: one is unknown or wrong; names it and what it takes.
    """
    found = Options()
    if _DEFAULT in presets:
        _take(found, presets[_DEFAULT].split("/"), presets, (_DEFAULT,))
    _take(found, options, presets, ())
    if found.mark is not None and not found.mark.opacity:
        found.mark = None
    if found.extend is not None and not found.extend.wanted:
        found.extend = None
    if found.extend_ratio is not None and not found.extend_ratio.wanted:
        found.extend_ratio = None
    return found


def understood(address: Address, presets: Mapping[str, str]) -> Options:
    """What an address's options and its extension ask for.

    Raises:
        InvalidRequest: as `parsed`, or there is no such format.
    """
    options = parsed(address.options, presets)
    if address.extension is not None and not options.raw:
        if address.extension not in FORMATS:
            raise InvalidRequest(
                f"there is no format {address.extension[:32]!r}",
                field="format",
                allowed=list(FORMATS),
            )
        options.format = FORMATS[address.extension]
    return options


def _take(
    found: Options, options: list[str], presets: Mapping[str, str], within: tuple[str, ...]
) -> None:
    """Take options; presets that they are `within` are not taken again."""
    for option in options:
        name, *arguments = option.split(":")
        if name in {"preset", "pr"}:
            for preset in arguments:
                if preset not in presets:
                    raise wrong("preset", preset, sorted(presets))
                if preset not in within:
                    _take(found, presets[preset].split("/"), presets, (*within, preset))
            continue
        setter = SETTERS.get(name)
        if setter is None:
            raise InvalidRequest(
                f"there is no option {name[:32]!r}",
                field=name[:32],
                allowed=sorted({*SETTERS, "pr", "preset"}),
                hint=meant(name, SETTERS),
            )
        most = MOST.get(setter)
        if most is not None and len(arguments) > most:
            raise wrong(name, ":".join(arguments), [f"at most {most} arguments"])
        setter(found, name, arguments)
