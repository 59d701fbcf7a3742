"""From what an address asks for to one piece of work with a name: equal work has equal names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from blake3 import blake3

from mediakiln.model.errors import InvalidRecipe, InvalidRequest, UnsupportedMedia
from mediakiln.model.keys import derived_prefix
from mediakiln.model.product import canonical_json
from mediakiln.model.transform import Transform
from mediakiln.ports.operation import Operation
from mediakiln.stages.derive.negotiate import Negotiated, negotiate
from mediakiln.stages.derive.source import Source

NAME_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """One image that is to be there."""

    source: Source
    params: Mapping[str, Any]
    """Of `image.transform`, canonical."""
    name: str
    """Of this image among all: 40 hexadecimal digits."""
    others: Mapping[str, Source] = field(default_factory=dict)
    """Other assets that it shows, such as a watermark, by id."""

    @property
    def record(self) -> str:
        """The key of its record."""
        return f"{self.source.project}/{self.source.id}/{self.name}"

    @property
    def object(self) -> str:
        """The key of its bytes in the production bucket."""
        return f"{derived_prefix(self.source.project, self.source.id)}{self.name}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a transform asks for."""

    params: Mapping[str, Any]
    """Canonical: defaults filled in."""
    others: tuple[str, ...]
    """Ids of other assets that the image shows."""


class Planner:
    """Makes plans.

    Args:
        operation: makes the images.
        formats: those that a client may be given unasked, the best first.
        efforts: by format, what an address that names none has: somebody waits for the image.
    """

    def __init__(
        self,
        operation: Operation,
        *,
        formats: Sequence[str],
        efforts: Mapping[str, int] | None = None,
    ) -> None:
        self.operation = operation
        self._formats = tuple(formats)
        self._efforts = dict(efforts or {})

    def __call__(self, source: Source, transform: Transform, accept: str) -> Plan:
        """The work that a transform of a source alone is.

        Raises:
            InvalidRequest: as `asked`.
        """
        return self.plan(source, self.asked(source, transform, accept), {})

    def asked(self, source: Source, transform: Transform, accept: str) -> Asked:
        """What a transform asks for, in full.

        Raises:
            InvalidRequest: `image.transform` does not take these parameters; names the field.
            UnsupportedMedia: the source is known to be no image.
        """
        if source.media_type and not self.operation.takes(source.media_type):
            raise UnsupportedMedia(
                f"the source is {source.media_type}, and no image that can be worked on",
                media_type=source.media_type,
            )
        params = transform.params()
        if transform.negotiated:
            chosen = negotiate(accept, source, params, self._formats)
            params = _with_format(params, chosen)
        effort = self._efforts.get(params.get("format", ""))
        if effort is not None:
            params = {"effort": effort, **params}
        try:
            parsed = self.operation.parse(params)
        except InvalidRecipe as error:
            raise InvalidRequest(error.message, **error.context) from None
        inputs = self.operation.inputs
        ids = () if inputs is None else tuple(inputs(parsed))
        return Asked(parsed.model_dump(mode="json"), ids)

    def plan(self, source: Source, asked: Asked, others: Mapping[str, Source]) -> Plan:
        """The work, by the sources of the other assets that it shows."""
        told: list[Any] = [
            source.project,
            source.identity,
            source.epoch,
            self.operation.name,
            self.operation.version,
            asked.params,
        ]
        if others:
            told.append({id: other.identity for id, other in others.items()})
        digest = blake3(canonical_json(told).encode()).hexdigest(length=NAME_BYTES)
        return Plan(source, asked.params, digest, others)


def _with_format(params: Mapping[str, Any], chosen: Negotiated) -> dict[str, Any]:
    """The parameters in the chosen format, without what another format alone would have."""
    kept = {name: value for name, value in params.items() if name not in chosen.without}
    return kept | {"format": chosen.format}
