"""The same work on Kafka, S3 and PostgreSQL as on the embedded engines, on this one machine.

    eval "$(engines/up kafka s3 postgres)"; python benchmarks/deployment.py [--json FILE]

What distributed engines cost where they are not needed: the servers take their share of the same
cores. Throughput is from the first upload to the last completed asset; the CPU of the servers
is not counted, that of every process of the platform is.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from figures import report
from pipeline import RECIPE, WARM_UP, make_photos
from processes import completed, cpu_seconds, free_port, reachable, started, upload

PHOTOS = int(os.environ.get("PHOTOS", "120"))


def measure() -> list[dict[str, Any]]:
    """Images per second and CPU per image, and each one's ratio to the embedded engines'."""
    with tempfile.TemporaryDirectory(prefix="mediakiln-bench-") as name:
        folder = Path(name)
        files = make_photos(folder / "photos", min(PHOTOS, 120))
        embedded = _run(files, folder / "embedded", {})
        servers = _run(files, folder / "servers", _engines())
    return [
        _figure("images per second on Kafka + S3 + PostgreSQL", servers, embedded, "rate", "1/s"),
        _figure("CPU per image on Kafka + S3 + PostgreSQL", servers, embedded, "cpu", "ms"),
    ]


def _engines() -> dict[str, str]:
    """Engine settings with names that no run before used."""
    run = f"bench{uuid4().hex[:8]}"
    given = {name: os.environ[f"MEDIAKILN_TEST_{name}"] for name in ("KAFKA", "S3", "POSTGRES")}
    return {
        "BROKER": f"kafka://{given['KAFKA']}?prefix={run}.&replication=1",
        "STORE": f"s3://{run}?endpoint={given['S3']}&region=us-east-1",
        "CATALOG": f"{given['POSTGRES']}?schema={run}",
    }


def _run(files: list[Path], data: Path, engines: Mapping[str, str]) -> dict[str, float]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with started("up", data=data, settings={"PORT": port, "WORKERS": 2, **engines}) as process:
        asyncio.run(reachable(base))
        asyncio.run(upload(base, files[:WARM_UP], RECIPE))
        asyncio.run(completed(base, WARM_UP))
        cpu, start = cpu_seconds(process), time.perf_counter()
        asyncio.run(upload(base, files[WARM_UP:], RECIPE))
        asyncio.run(completed(base, len(files)))
        wall, used = time.perf_counter() - start, cpu_seconds(process) - cpu
    count = len(files) - WARM_UP
    return {"rate": count / wall, "cpu": used / count * 1000}


def _figure(
    name: str, mine: Mapping[str, float], rival: Mapping[str, float], what: str, unit: str
) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(mine[what], 3),
        "unit": unit,
        "rival": f"embedded engines: {rival[what]:,.4g}",
        "ratio": round(mine[what] / rival[what], 3),
        "target": None,
        "holds": None,
    }


if __name__ == "__main__":
    report(measure, __doc__)
