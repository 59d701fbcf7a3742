"""Answers to what jobs ask of the operator's recognisers, which only the worker can reach."""

import time
from collections.abc import Mapping

from mediakiln.model.errors import MediakilnError, ModelUnavailable
from mediakiln.ports.recogniser import Recogniser
from mediakiln.ports.runner import Answer
from mediakiln.telemetry import metrics


class Answering:
    """Takes a job's question to the recogniser of that name. It is the runner's `Answers`."""

    def __init__(self, recognisers: Mapping[str, Recogniser]) -> None:
        self._recognisers = recognisers

    async def __call__(self, model: str, image: bytes) -> Answer:
        """`labels` and `unsafe`, confidences by label, the latter null where it was not asked for.

        Raises:
            ModelUnavailable: there is no recogniser of that name.
            EngineUnavailable and others: as `Recogniser.labels`.
        """
        recogniser = self._recognisers.get(model)
        if recogniser is None:
            raise ModelUnavailable(f"there is no recogniser {model!r}")
        outcome, started = "cancelled", time.monotonic()
        try:
            found = await recogniser.labels(image)
            outcome = "answered"
        except MediakilnError as error:
            outcome = error.code
            raise
        finally:
            seconds = time.monotonic() - started
            metrics.QUESTION_SECONDS.labels(model, outcome).observe(seconds)
        unsafe = None if found.unsafe is None else dict(found.unsafe)
        return Answer({"labels": dict(found.labels), "unsafe": unsafe}, found.versions)

    async def close(self) -> None:
        """Let go of every recogniser."""
        for recogniser in self._recognisers.values():
            await recogniser.close()
