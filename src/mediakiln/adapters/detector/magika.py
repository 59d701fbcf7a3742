"""A detector that asks the magika model which sort of text a text is (extra `magika`)."""

import asyncio
from dataclasses import replace
from typing import Any

from mediakiln.model.errors import ModelUnavailable
from mediakiln.ports.detector import (
    HEAD_BYTES,
    Detection,
    Detector,
    DetectorCapabilities,
    RandomAccess,
)

_PLAIN = "text/plain"


class MagikaDetector:
    """Another detector's answers, with plain text told apart by a trained model.

    Signatures beat the model on media and containers, so it is asked about nothing but what the
    other detector calls `text/plain`. Its label (`python`, `yaml` …) and score go into the
    metadata; a `text/…` type replaces the plain one.

    Args:
        base: the detector that judges everything first, usually `SignatureDetector()`.

    Raises:
        ModelUnavailable: the extra is not installed.
    """

    def __init__(self, base: Detector) -> None:
        try:
            from magika import Magika
        except ImportError as error:
            raise ModelUnavailable(
                "The magika model is not installed.", hint="pip install 'mediakiln[magika]'"
            ) from error
        self._base = base
        self._model: Any = Magika()

    @property
    def capabilities(self) -> DetectorCapabilities:
        """What the other detector can do, and learned."""
        return replace(self._base.capabilities, learned=True)

    def sniff(
        self, head: bytes, *, complete: bool, name: str = "", declared: str | None = None
    ) -> Detection:
        """Judge by the first bytes; a few milliseconds for plain text."""
        found = self._base.sniff(head, complete=complete, name=name, declared=declared)
        return self._refined(found, head[:HEAD_BYTES])

    async def inspect(
        self, source: RandomAccess, *, name: str = "", declared: str | None = None
    ) -> Detection:
        """Judge by the whole object; plain text costs one read more."""
        found = await self._base.inspect(source, name=name, declared=declared)
        if found.media_type != _PLAIN or found.kind is None:
            return found
        head = await source.read(0, HEAD_BYTES)
        return await asyncio.to_thread(self._refined, found, head)

    def _refined(self, found: Detection, head: bytes) -> Detection:
        if found.media_type != _PLAIN or found.kind is None:
            return found
        answer = self._model.identify_bytes(head)
        label = answer.output
        if not label.is_text:  # bytes that decode as text are text, whatever the model thinks
            return found
        facts = {"label": label.label, "score": round(float(answer.score), 4)}
        better = label.mime_type if label.mime_type.startswith("text/") else _PLAIN
        return replace(found, media_type=better, metadata={**found.metadata, **facts})
