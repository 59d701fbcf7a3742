"""Servers that stop answering without going away, as behind a broken switch."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def serving(port: int) -> list[psutil.Process]:
    """The processes, with their children, that listen on this port of this machine."""
    found = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
        and connection.pid
    }
    processes = [psutil.Process(pid) for pid in found]
    return [*processes, *(child for each in processes for child in each.children(recursive=True))]


@contextmanager
def frozen(port: int) -> Iterator[None]:
    """Hold whoever serves this port, and let it go on afterwards."""
    held = serving(port)
    assert held, f"nobody serves port {port}"
    for process in held:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in reversed(held):
            with suppress(psutil.NoSuchProcess):
                process.resume()
        time.sleep(0.1)
