"""The metrics of a process on a port of their own, for roles that answer no HTTP."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.settings import Settings

log = logging.getLogger(__name__)


@contextmanager
def exposed(role: str, settings: Settings) -> Iterator[int | None]:
    """Answer `GET /metrics` meanwhile, where the settings say so; the port that was taken.

    Processes of `mediakiln up` share their metrics and are scraped at `web`, so they open nothing.

    Raises:
        EngineMisconfigured: the port is taken, or the host is none of this machine's.
    """
    if settings.metrics_port is None or settings.metrics_dir is not None:
        yield None
        return
    host, port = settings.metrics_host, settings.metrics_port
    try:
        server, thread = start_http_server(port, addr=host)
    except OSError as error:
        raise EngineMisconfigured(
            f"MEDIAKILN_METRICS_PORT: metrics cannot be served on {host}:{port}: {error.strerror}",
            hint="choose another port for each process on a machine, or 0 for a free one",
        ) from error
    try:
        taken = int(server.server_port)
        log.info("metrics are on http://%s:%d/metrics", host, taken, extra={"role": role})
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
