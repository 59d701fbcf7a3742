"""The native grammar: `/i/[s_SIGNATURE/]{segment}/…/{asset}[.ext]`.

A segment is a list of options, separated by commas. It is one edit, named by its first option
without a value (`rotate,angle_90`), or a resize (`w_400,h_300,fit_cover`). Options of the encoding
and of the delivery may stand in any segment. Segments are done in their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from mediakiln.model.errors import InvalidRequest, NotFound
from mediakiln.model.ids import is_id
from mediakiln.model.signature import NATIVE
from mediakiln.model.transform import Transform, Wanted
from mediakiln.ports.mistakes import near, reason
from mediakiln.ports.wording import choices, only_choices
from mediakiln.web.derive.native.delivery import DELIVERY, Delivery
from mediakiln.web.derive.native.hints import Hints
from mediakiln.web.derive.native.values import field_of, names_of, option_of, value_of
from mediakiln.web.derive.rules import ImageRules

RESIZE: Final = "image.resize"
MAX_SEGMENTS: Final = 32
MAX_OPTIONS: Final = 256
"""Of an address; those of its presets do not count."""
_SHORT: Final[Mapping[str, str]] = {"jpg": "jpeg", "tif": "tiff"}
"""Formats by their other name."""
_CHOOSING: Final = frozenset({"auto", "compatible"})
"""What stands for one of several formats, and is no extension."""
UNSAID_WIDTH: Final = 1200
"""Pixels: what `w_auto` means to who does not say."""
_SAVING: Final = 50
"""The quality of `q_auto` for who asks to save data."""


@dataclass(slots=True)
class _Parsed:
    """What the options said so far."""

    hints: Hints
    steps: list[dict[str, Any]] = field(default_factory=list)
    encoding: dict[str, Any] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    """Encoding parameters to the options that named them."""
    negotiated: bool = False
    delivery: Delivery = field(default_factory=Delivery)
    whole: bool = True
    """Whether these are all options there will be: those of a preset may need others beside it."""


class Grammar:
    """Reads native addresses."""

    def __init__(self, rules: ImageRules) -> None:
        self._rules = rules
        self._edits = {name.removeprefix("image."): name for name in rules.edits}
        self._elsewhere = {
            name: sorted(names_of(rules.edits[edit])) for name, edit in self._edits.items()
        }
        self._formats = frozenset(map(str, choices(rules.encoding, "format")))

    def parse(self, path: str, headers: Mapping[str, str]) -> Wanted:
        """What an address wants; `path` is raw and without its signature.

        Raises:
            InvalidRequest: an option is none, or its value is not allowed; names it.
            NotFound: no asset can have this id.
        """
        written = path.count(",") + path.count("/")
        if written > MAX_OPTIONS:
            raise InvalidRequest(
                "the address has too many options", limit=MAX_OPTIONS, value=written
            )
        *segments, last = path.removeprefix(NATIVE).split("/")
        id, extension = _asset(last)
        parsed = _Parsed(Hints(headers))
        expanded = self._expanded(segments)
        if len(expanded) > MAX_SEGMENTS:
            raise InvalidRequest(
                "the address has too many segments", limit=MAX_SEGMENTS, value=len(expanded)
            )
        for segment in expanded:
            self._segment(segment, parsed)
        self._extension(extension, parsed)
        self._check_encoding(parsed)
        transform = Transform(
            steps=tuple(parsed.steps),
            encoding=parsed.encoding,
            negotiated=parsed.negotiated,
            raw=parsed.delivery.raw,
        )
        if transform.raw and (parsed.steps or parsed.encoding or transform.negotiated):
            raise InvalidRequest("raw stands for the source's own bytes: alone", field="raw")
        return Wanted(
            source=id if parsed.delivery.product is None else f"{id}/{parsed.delivery.product}",
            transform=transform,
            expires=parsed.delivery.expires,
            filename=parsed.delivery.filename,
            attachment=parsed.delivery.attachment,
            version=parsed.delivery.version,
            hints=tuple(parsed.hints.asked),
        )

    def check_preset(self, name: str) -> None:
        """Refuse a preset that no address could use.

        What needs options beside it, such as a fit without a width, is left to the addresses.

        Raises:
            InvalidRequest: an option is none, or its value is not allowed; names it.
        """
        segments = self._preset(f"p_{name}")
        parsed = _Parsed(Hints({}), whole=len(segments) > 1)
        for segment in segments:
            self._segment([text for text in segment.split(",") if text], parsed)
        self._check_encoding(parsed)

    def _expanded(self, segments: list[str]) -> list[list[str]]:
        """Each segment's options, with presets put in their places."""
        found: list[list[str]] = []
        for segment in segments:
            options = [text for text in segment.split(",") if text]
            named = [text for text in options if text.startswith("p_")]
            if not named:
                found.append(options)
                continue
            rest = [text for text in options if text not in named]
            inside = [part.split(",") for text in named for part in self._preset(text)]
            if not rest:
                found += inside
            elif len(inside) == len(named):
                # What stands beside a preset comes after it, and so prevails.
                found.append([text for part in inside for text in part] + rest)
            else:
                raise InvalidRequest(
                    f"{named[0][:80]}: a preset of several segments stands alone", field="p"
                )
        return found

    def _preset(self, text: str) -> list[str]:
        name = text.removeprefix("p_")
        preset = self._rules.presets.get(name)
        if preset is None:
            raise InvalidRequest(
                f"there is no preset {name[:80]!r}", field="p", allowed=sorted(self._rules.presets)
            )
        return preset.strip("/").split("/")

    def _segment(self, options: list[str], parsed: _Parsed) -> None:
        """Read one segment: at most one edit, and options of encoding and delivery."""
        named = [text for text in options if text in self._edits]
        if len(named) > 1:
            raise InvalidRequest(
                f"{named[1]}: a segment is one edit", field=named[1], hint="put / between them"
            )
        edit = self._edits[named[0]] if named else RESIZE
        model = self._rules.edits[edit]
        params: dict[str, Any] = {}
        written: dict[str, str] = {}
        known = names_of(model) | names_of(self._rules.encoding) | DELIVERY
        for text in options:
            if named and text == named[0]:
                continue
            option = option_of(text, known, self._elsewhere)
            own = field_of(option.name, model.model_fields)
            if option.name in DELIVERY:
                parsed.delivery.read(option)
            elif own is not None and not self._auto(option.name, own, option.value, params, parsed):
                params[own] = value_of(option, own, model)
                written[own] = option.name
            if own is None or not named:
                self._encode(option, parsed)
        if params or named:
            checked = _checked(model, params, written, edit, whole=parsed.whole)
            parsed.steps.append({"op": edit, **checked})

    def _auto(
        self, name: str, own: str, value: str | None, params: dict[str, Any], parsed: _Parsed
    ) -> bool:
        """Whether this was `w_auto` or `dpr_auto`, which the request's hints decide."""
        if own == "width" and value is not None and value.partition(":")[0] == "auto":
            width = parsed.hints.width()
            if width is not None:
                params |= {own: width, "dpr": 1.0}  # the hint counts the device's own pixels
            else:
                params[own] = value.partition(":")[2] or UNSAID_WIDTH
            return True
        if own == "dpr" and name == "dpr" and value == "auto":
            params.setdefault(own, parsed.hints.dpr())
            return True
        return False

    def _encode(self, option: Any, parsed: _Parsed) -> None:
        """Mind an option of the encoding."""
        model = self._rules.encoding
        name = field_of(option.name, model.model_fields)
        if name is None or option.name in DELIVERY:
            return
        if name == "format" and option.value == "auto":
            parsed.negotiated = True
            return
        if name == "quality" and option.value == "auto":
            if parsed.hints.saves_data():
                parsed.encoding[name] = _SAVING
            elif "auto" in choices(model, name):
                parsed.encoding[name] = "auto"
        else:
            value = value_of(option, name, model)
            parsed.encoding[name] = _SHORT.get(value, value) if name == "format" else value
        parsed.written[name] = option.name

    def _extension(self, extension: str | None, parsed: _Parsed) -> None:
        """The format by the asset's extension, where no option names another."""
        if extension is None:
            return
        format = _SHORT.get(extension, extension)
        if format not in self._formats - _CHOOSING:
            raise InvalidRequest(
                f"images are not made as .{extension[:20]}",
                field="extension",
                allowed=sorted(self._formats - _CHOOSING),
            )
        if parsed.negotiated:
            return  # f_auto chooses, whatever the address looks like
        if parsed.encoding.get("format", format) != format:
            raise InvalidRequest(
                f"the address ends with .{extension} and asks for another format", field="f"
            )
        parsed.encoding["format"] = format

    def _check_encoding(self, parsed: _Parsed) -> None:
        parsed.encoding = _checked(
            self._rules.encoding,
            parsed.encoding,
            parsed.written,
            "the encoding",
            whole=parsed.whole,
        )


def _asset(last: str) -> tuple[str, str | None]:
    id, dot, extension = last.partition(".")
    if not is_id(id):
        raise NotFound(f"there is no asset {id[:64]!r}")
    return id, extension.lower() if dot else None


def _checked(
    model: type[BaseModel],
    params: Mapping[str, Any],
    written: Mapping[str, str],
    what: str,
    *,
    whole: bool,
) -> dict[str, Any]:
    """The parameters as the model has them, without defaults.

    Where they are not the whole, what is wrong with them together is let pass.

    Raises:
        InvalidRequest: names the option that is not right, as it was written.
    """
    try:
        return model.model_validate(params).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not whole and not first["loc"]:
            return dict(params)
        own = str(first["loc"][0]) if first["loc"] else ""
        option = written.get(own, own)
        hint = near(model, error)
        raise InvalidRequest(
            f"{option or what}: {reason(model, error)}",
            field=option or None,
            allowed=choices(model, own) if only_choices(model, own) else None,
            hint=hint.replace("%", "%25") if hint else _encoded(first["input"]),
        ) from None


def _encoded(value: Any) -> str | None:
    """A hint for who encoded what stands between options."""
    if not isinstance(value, str) or not ({",", "/"} & {*value}) or "_" not in value:
        return None
    return "commas and slashes between options are not percent-encoded"
