"""An image that was made already: beside a bare file response, and behind nginx beside nginx."""

import os
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from image_load import answer, listens
from processes import free_port
from serving import get_rate, serve, server

Row = dict[str, Any]

ROUNDS, ROUND_S = 5, 1.0
_FILE: Final = "hot.jpg"
_NGINX: Final = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  default_type image/jpeg;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  sendfile on;
  open_file_cache max=64;
  proxy_cache_path {folder}/cache keys_zone=images:1m;
  server {{
    listen 127.0.0.1:{plain};
    root {files};
  }}
  server {{
    listen 127.0.0.1:{cached};
    location / {{
      proxy_pass http://127.0.0.1:{port};
      proxy_cache images;
    }}
  }}
}}
"""


Address = tuple[int, str]
"""A port of 127.0.0.1, and a path."""


def measured(root: Path, ours: Address, imgproxy: Sequence[Address] = ()) -> list[Row]:
    """Answers a second to one address, beside the same bytes as a file, and beside imgproxy's."""
    port, path = ours
    files = root / "hot"
    files.mkdir()
    (files / _FILE).write_bytes(answer(port, path))
    with server(_bare, files) as bare:
        first = ("by itself", port, path), ("bare FileResponse", bare.port, f"/{_FILE}")
        rows = [_compared("hot image", *first, least=0.9)]
    for address in imgproxy:
        rival = ("imgproxy", *address)
        rows.append(_compared("hot image", ("by itself", port, path), rival, least=1.5))
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        print("left out: nginx is not installed")
        return rows
    with _nginx(program, root, files, port) as (plain, cached):
        pair = ("behind nginx", cached, path), ("plain nginx", plain, f"/{_FILE}")
        return [*rows, _compared("hot image behind nginx", *pair, least=0.8)]


Side = tuple[str, int, str]


def _compared(name: str, ours: Side, rival: Side, *, least: float) -> Row:
    rates: dict[str, list[float]] = {ours[0]: [], rival[0]: []}
    for _ in range(ROUNDS):
        for label, port, path in (ours, rival):
            rates[label].append(uvloop.run(get_rate(port, path, ROUND_S)))
    mine, other = (statistics.median(rates[side[0]]) for side in (ours, rival))
    return {
        "name": name,
        "value": round(mine, 1),
        "unit": "1/s",
        "rival": f"{rival[0]}: {other:,.0f}",
        "ratio": mine / other,
        "target": f">= {least}",
        "holds": mine / other >= least,
    }


def _bare(folder: Path, pipe: Connection) -> None:
    async def file(request: Request) -> FileResponse:
        return FileResponse(folder / request.path_params["name"], media_type="image/jpeg")

    uvloop.run(serve(Starlette(routes=[Route("/{name}", file)]), {}, pipe))


@contextmanager
def _nginx(program: str, root: Path, files: Path, port: int) -> Iterator[tuple[int, int]]:
    """The ports of plain files, and of the server at `port` behind a cache."""
    folder, plain, cached = root / "nginx", free_port(), free_port()
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    text = _NGINX.format(
        user=user, folder=folder, plain=plain, files=files, cached=cached, port=port
    )
    (folder / "nginx.conf").write_text(text)
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not listens(cached):
            assert running.poll() is None, command
            time.sleep(0.05)
        yield plain, cached
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()
