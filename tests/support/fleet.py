"""Every role in processes of its own, started again whenever one dies."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from support.platform import PATIENCE, READY_S, Platform
from support.waiting import until

ROLES = ("web", "receive", "classify", "process", "join", "notify", "relay", "reconcile", "dead")


@contextmanager
def supervised(site: Platform, roles: Sequence[str], *, each: int = 1) -> Iterator[None]:
    """Keep `each` processes of every role alive, and drain them at the end.

    The servers of role `web` listen on ports of their own; the platform's address is the first's.
    """
    ports = [str(_free_port()) for _ in range(each)]
    site.url = f"http://127.0.0.1:{ports[0]}"
    stop = threading.Event()

    def keep(name: str, number: int) -> None:
        more = ("--port", ports[number]) if name == "web" else ()
        while not stop.is_set():
            process = site.start("run", name, *more)
            while process.poll() is None and not stop.wait(0.05):
                pass

    threads = [
        threading.Thread(target=keep, args=(name, number))
        for name in roles
        for number in range(each)
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: site.ready(site.url), within=READY_S * PATIENCE * 3 * each)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    site.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
