"""Making containers on Azure, by the protocol that its key signs."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2


async def make_container(endpoint: str, key: str, name: str) -> None:
    """Make a container, below an endpoint that ends in the account's name.

    Signed as in Microsoft's "Authorize with Shared Key" for the blob service.
    """
    account = urlsplit(endpoint).path.strip("/")
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": date, "x-ms-version": "2021-12-02"}
    canonical = "".join(f"{header}:{value}\n" for header, value in sorted(headers.items()))
    # Method, eleven standard headers that are empty here, ours, and the resource.
    text = f"PUT{chr(10) * 12}{canonical}/{account}/{account}/{name}\nrestype:container"
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    headers["Authorization"] = f"SharedKey {account}:{signature}"
    async with httpx2.AsyncClient() as client:
        answer = await client.put(f"{endpoint}/{name}?restype=container", headers=headers)
    assert answer.status_code == 201, answer.text
