"""The operator's models: whether those here load, and whether the others may be asked."""

import asyncio
from pathlib import Path
from typing import Final

from mediakiln.model.errors import MediakilnError
from mediakiln.operations.image.recognise.onnx import OnnxRecogniser
from mediakiln.ports.recogniser import Recogniser
from mediakiln.roles import models
from mediakiln.roles.checkup.findings import Finding, fails, good
from mediakiln.roles.settings import Settings

_ANSWER_S: Final = 30
_REMEDY: Final = "check MEDIAKILN_LABEL_MODELS, and the network"


def load_models(settings: Settings) -> None:
    """Load every model of this machine; raises ModelUnavailable, EngineMisconfigured."""
    for name, model in models.read(settings).folders.items():
        OnnxRecogniser.load(name, Path(model["folder"]))


async def recognisers(settings: Settings) -> list[Finding]:
    """Whether each service that is to say what images show may be asked.

    A setting that cannot be read is found elsewhere.
    """
    try:
        known = models.read(settings).recognisers
    except MediakilnError:
        return []
    return [await _recogniser(f"model {name}", each) for name, each in known.items()]


async def _recogniser(name: str, recogniser: Recogniser) -> Finding:
    try:
        async with asyncio.timeout(_ANSWER_S):
            await recogniser.check()
    except MediakilnError as error:
        return fails(name, error, _REMEDY)
    except TimeoutError:
        return fails(name, f"{recogniser.identity}: no answer in {_ANSWER_S} s", _REMEDY)
    finally:
        await recogniser.close()
    return good(name, f"{recogniser.identity}: may be asked")
