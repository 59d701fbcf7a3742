"""A server that speaks Rekognition's JSON 1.1 protocol, and misbehaves on demand."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

JPEG = b"\xff\xd8\xff"
SHOWN: Mapping[str, Any] = {
    "Labels": [
        {"Name": "Beach", "Confidence": 91.5, "Parents": [{"Name": "Nature"}]},
        {"Name": "Sailboat", "Confidence": 64.0},
        {"Name": "Kite", "Confidence": 3.0},
    ],
    "LabelModelVersion": "3.0",
}
UNSAFE: Mapping[str, Any] = {
    "ModerationLabels": [
        {"Name": "Alcohol", "Confidence": 80.0, "ParentName": "", "TaxonomyLevel": 1},
        {"Name": "Drinking", "Confidence": 75.0, "ParentName": "Alcohol", "TaxonomyLevel": 2},
        {"Name": "Violence", "Confidence": 12.0, "ParentName": "", "TaxonomyLevel": 1},
    ],
    "ModerationModelVersion": "7.0",
}
Answer = tuple[int, bytes]


def says(told: Mapping[str, Any], status: int = 200) -> Answer:
    """An answer of this JSON."""
    return status, json.dumps(told).encode()


def refuses(code: str, status: int = 400) -> Answer:
    """An error as the service reports it; its words name an account."""
    words = f"User: arn:aws:iam::123456789012:user/kiln: {code}"
    return says({"__type": code, "Message": words}, status)


@dataclass
class Rekognition:
    """Answers each question by `answers`, after `first` are used up."""

    port: int = 0
    answers: dict[str, Answer] = field(
        default_factory=lambda: {
            "DetectLabels": says(SHOWN),
            "DetectModerationLabels": says(UNSAFE),
        }
    )
    first: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """While it is there and not set, questions wait for their answers."""
    left: int = 0
    """Questions whose asker went away before the answer."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address(self, more: str = "") -> str:
        return f"rekognition://eu-central-1?endpoint={self.endpoint}{more}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await self._answer(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = (line.partition(":") for line in head.split("\r\n")[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        question = json.loads(await reader.readexactly(int(headers["content-length"])))
        service, _, operation = headers["x-amz-target"].partition(".")
        assert service == "RekognitionService"
        assert headers["content-type"] == "application/x-amz-json-1.1"
        image = base64.b64decode(question["Image"]["Bytes"])
        self.asked.append(operation)
        self.images.append(image)
        self.signed.append(headers.get("authorization", ""))
        await self._held(reader)
        status, body = self._told(operation, image)
        writer.write(
            f"HTTP/1.1 {status} Told\r\nContent-Type: application/x-amz-json-1.1\r\n"
            f"x-amzn-RequestId: 1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()

    async def _held(self, reader: asyncio.StreamReader) -> None:
        """Wait for the gate, or for the asker to go away."""
        if self.gate is None:
            return
        gate, gone = asyncio.create_task(self.gate.wait()), asyncio.create_task(reader.read(1))
        await asyncio.wait({gate, gone}, return_when=asyncio.FIRST_COMPLETED)
        for each in (gate, gone):
            each.cancel()
        if not self.gate.is_set():
            self.left += 1
            raise ConnectionResetError

    def _told(self, operation: str, image: bytes) -> Answer:
        if self.first:
            return self.first.pop(0)
        known = self.answers[operation]
        if known[0] == 200 and not image.startswith(JPEG):
            return refuses("InvalidImageFormatException")
        return known


@asynccontextmanager
async def rekognition() -> AsyncIterator[Rekognition]:
    """A running server; credentials for it are the caller's to set."""
    found = Rekognition()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, limit=16 * 1024 * 1024)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


def credentials(patch: pytest.MonkeyPatch) -> None:
    """Made-up credentials, and no others of this machine."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "kiln",
        "AWS_SECRET_ACCESS_KEY": "kiln-secret",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        patch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        patch.delenv(name, raising=False)
