"""The operator's models of `image.labels`: folders of this machine, and recognisers elsewhere."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mediakiln.operations.image.recognise.label_model import read_models, reads
from mediakiln.ports.recogniser import Recogniser
from mediakiln.roles.engines import open_recogniser
from mediakiln.roles.settings import Settings


@dataclass(frozen=True, slots=True)
class Models:
    """What the setting names, ready to be used."""

    folders: Mapping[str, Mapping[str, Any]]
    """Per name `folder` and `checksum`."""
    recognisers: Mapping[str, Recogniser]

    @property
    def table(self) -> Mapping[str, Any]:
        """As `Context.models` has it."""
        asked = {
            name: {"wanted": asdict(each.wanted), "checksum": each.identity}
            for name, each in self.recognisers.items()
        }
        return {**self.folders, **asked}

    def readable(self) -> list[Path]:
        """What jobs must be able to read."""
        return [path for each in self.folders.values() for path in reads(Path(each["folder"]))]


def read(settings: Settings) -> Models:
    """The models, checked; reads every file of theirs, and asks nobody anything.

    Raises:
        EngineMisconfigured: a folder does not hold a model, or an address is not valid.
    """
    named = {name: str(place) for name, place in settings.label_models.items()}
    return Models(
        read_models({name: Path(place) for name, place in named.items() if "://" not in place}),
        {
            name: open_recogniser(place, f"LABEL_MODELS: {name}")
            for name, place in named.items()
            if "://" in place
        },
    )


def names(settings: Settings) -> Mapping[str, Any] | None:
    """The models as far as recipes are checked against them; None where none are set.

    A process that takes uploads in need not have the workers' setting.
    """
    return settings.label_models or None
