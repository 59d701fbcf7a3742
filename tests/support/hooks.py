"""A webhook's receiver that keeps what it is sent."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Hooks:
    """Deliveries by asset and run: the message ids, each with the state it told."""

    def __init__(self) -> None:
        self.told: defaultdict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
        self.count = 0
        self.url = ""

    def settings(self) -> dict[str, str]:
        """What makes a platform tell us."""
        target = [{"url": self.url, "secret": SECRET}]
        return {"NOTIFY": json.dumps(target), "NOTIFY_PRIVATE": "1"}

    def assets(self) -> set[str]:
        """Every asset told of."""
        return {asset for asset, _ in list(self.told)}


@contextmanager
def receiving() -> Iterator[Hooks]:
    """A receiver on a free port."""
    hooks = Hooks()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            data = body["data"]
            message = (self.headers["webhook-id"], data["state"])
            hooks.told[data["asset"], data["run"]].add(message)
            hooks.count += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    hooks.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hooks
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
