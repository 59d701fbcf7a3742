"""`RekognitionRecogniser`: DetectLabels and DetectModerationLabels on bytes.

Bounds of images: "Guidelines and quotas" of the Amazon Rekognition developer guide.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session

from mediakiln.adapters.recogniser.rekognition.address import Address
from mediakiln.adapters.recogniser.rekognition.failures import (
    FAILURES,
    NOT_AN_IMAGE,
    code_of,
    not_rekognition,
    translated,
)
from mediakiln.model.errors import EngineUnavailable
from mediakiln.ports.recogniser import Recognition, Wanted

_CONNECT_S: Final = 5
_ATTEMPTS: Final = 3
_CONNECTIONS: Final = 32
_MOST: Final = 100
"""Labels of one sort."""
_PERCENT: Final = 100.0
_SHORTEST_SIDE: Final = 80
_WANTED: Final = Wanted(shortest_side=_SHORTEST_SIDE)
_NO_IMAGE: Final = b"mediakiln doctor"
_PERMISSIONS: Final = {
    "detect_labels": "rekognition:DetectLabels",
    "detect_moderation_labels": "rekognition:DetectModerationLabels",
}


class RekognitionRecogniser:
    """Asks Rekognition by image bytes: nothing is put into a bucket.

    Credentials are found as every AWS program finds them. Retries are the SDK's: three tries of
    the standard mode, with its pauses; throttling beyond these is `EngineUnavailable`.
    """

    wanted = _WANTED

    def __init__(self, address: Address) -> None:
        self.address = address
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read `rekognition://REGION?labels=yes&moderation=yes&unsafe=&endpoint=&timeout=`.

        Raises:
            EngineMisconfigured: it names no region, or an option that there is not.
        """
        return cls(Address.of(url))

    @property
    def identity(self) -> str:
        """The region or server, and what it is asked."""
        return self.address.identity

    async def labels(self, image: bytes) -> Recognition:
        """Both questions at once, as far as the address says to ask them."""
        try:
            async with asyncio.TaskGroup() as both:
                labels = both.create_task(self._shown(image))
                moderation = both.create_task(self._unsafe(image))
        except ExceptionGroup as failed:  # the first failure has ended the other question
            raise failed.exceptions[0] from failed
        shown, unsafe = labels.result(), moderation.result()
        named = {"labels": shown, "moderation": unsafe}
        return Recognition(
            labels=shown[0] if shown else {},
            unsafe=unsafe[0] if unsafe else None,
            versions={
                f"Rekognition {name}": found[1]
                for name, found in named.items()
                if found is not None
            },
        )

    async def check(self) -> None:
        """Ask about what is no image: only who may ask is told so, and nothing is analysed."""
        asked = {"detect_labels": self.address.labels}
        asked["detect_moderation_labels"] = self.address.moderation
        for operation in (name for name, wanted in asked.items() if wanted):
            try:
                await self._tried(operation, Image={"Bytes": _NO_IMAGE})
            except FAILURES as error:
                if code_of(error) != NOT_AN_IMAGE:
                    raise translated(error, _PERMISSIONS[operation], self.address) from error

    async def close(self) -> None:
        """Let go of connections; questions on their way fail."""
        self._closed = True
        async with self._opening:
            self._client = None
            await self._stack.aclose()

    async def _shown(self, image: bytes) -> tuple[dict[str, float], str] | None:
        if not self.address.labels:
            return None
        answer = await self._call(
            "detect_labels", Image={"Bytes": image}, MaxLabels=_MOST, MinConfidence=0.0
        )
        return _confidences(answer.get("Labels")), str(answer.get("LabelModelVersion", ""))

    async def _unsafe(self, image: bytes) -> tuple[dict[str, float], str] | None:
        if not self.address.moderation:
            return None
        answer = await self._call(
            "detect_moderation_labels", Image={"Bytes": image}, MinConfidence=0.0
        )
        counted = [
            label
            for label in answer.get("ModerationLabels") or ()
            if not self.address.unsafe
            or {label.get("Name"), label.get("ParentName")} & self.address.unsafe
        ]
        return _confidences(counted), str(answer.get("ModerationModelVersion", ""))

    async def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            return await self._tried(operation, **parameters)
        except FAILURES as error:
            raise translated(error, _PERMISSIONS[operation], self.address) from error

    async def _tried(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        client = await self._opened()
        try:
            answer: Mapping[str, Any] = await getattr(client, operation)(**parameters)
        except RuntimeError as error:  # the client's session was closed under the call
            raise EngineUnavailable(f"{self.address}: {error}") from error
        if not {"Labels", "ModerationLabels"} & answer.keys():
            raise not_rekognition(self.address)
        return answer

    async def _opened(self) -> Any:
        async with self._opening:
            if self._closed:
                raise EngineUnavailable("this recogniser was closed")
            if self._client is None:
                session = await asyncio.to_thread(_session)
                self._client = await self._stack.enter_async_context(
                    session.create_client(
                        "rekognition",
                        region_name=self.address.region,
                        endpoint_url=self.address.endpoint,
                        config=AioConfig(
                            connect_timeout=_CONNECT_S,
                            read_timeout=self.address.timeout_s,
                            max_pool_connections=_CONNECTIONS,
                            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                        ),
                    )
                )
            return self._client


def _confidences(found: Iterable[Mapping[str, Any]] | None) -> dict[str, float]:
    """Labels, the surest first, with confidences from 0 to 1."""
    told: dict[str, float] = {}
    for label in found or ():
        name, confidence = str(label.get("Name", "")), float(label.get("Confidence", 0.0))
        if name:
            told[name] = max(min(max(confidence / _PERCENT, 0.0), 1.0), told.get(name, 0.0))
    return dict(sorted(told.items(), key=lambda each: -each[1])[:_MOST])


def _session() -> AioSession:
    """A session that has read the service's description from disk."""
    session = get_session()
    loader = session.get_component("data_loader")
    for kind in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("rekognition", kind)
    loader.load_data("endpoints")
    return session
