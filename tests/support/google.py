"""A service account of the test's own, and small servers that answer in Google's place."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMAIL = "kiln@test.iam.gserviceaccount.com"


def service_account(path: Path, token_uri: str) -> str:
    """Write a service account's file with a new key; its text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    text = json.dumps(
        {
            "type": "service_account",
            "project_id": "test",
            "private_key_id": "0",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "client_id": "0",
            "token_uri": token_uri,
            "gcs_base_url": "https://storage.googleapis.com",
            "disable_oauth": False,
        }
    )
    path.write_text(text)
    return text


@contextmanager
def tokens() -> Iterator[str]:
    """A server on loopback that gives a token to whoever asks; its address."""
    token = {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}
    with answering(lambda *_: (200, token)) as address:
        yield f"{address}/token"


@contextmanager
def answering(answer: Callable[[str, str, bytes], tuple[int, object]]) -> Iterator[str]:
    """A server on loopback that answers JSON to a method, a target and a body; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, said = answer(self.command, self.path, body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - http.server looks for these

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
