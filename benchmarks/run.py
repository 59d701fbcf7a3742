"""Every benchmark in turn: one table, and a JSON file each under benchmarks/results/.

    python benchmarks/run.py [NAME …]

Figures are ratios against a rival or a limit measured in the same run on the same machine;
absolute ones only describe the machine. Run it on a quiet machine.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ENGINES = HERE.parent / "engines"
_URLS = ("MEDIAKILN_BROKER", "MEDIAKILN_STORE", "MEDIAKILN_CATALOG")
RESULTS = HERE / "results"
NAMES = (
    "pipeline",
    "web",
    "images",
    "multipart",
    "tus",
    "uploads_memory",
    "broker",
    "catalog",
    "detector",
    "kafka",
    "catalog_scale",
    "deployment",
)
SERVERS = {
    "kafka": ("kafka",),
    "catalog_scale": ("postgres",),
    "deployment": ("kafka", "s3", "postgres"),
}
"""What `engines/up` starts for a benchmark, and `engines/down` stops after it."""


@contextmanager
def servers(names: Sequence[str]) -> Iterator[dict[str, str] | None]:
    """Servers on loopback, and what they export for tests; None where they cannot be had."""
    if not names:
        yield {}
        return
    folder = Path(tempfile.mkdtemp(prefix="mediakiln-servers-"))
    folder.chmod(0o755)  # a database runs as a user of its own
    up, down = ([str(ENGINES / name), "--data", str(folder)] for name in ("up", "down"))
    try:
        done = subprocess.run([*up, *names], stdout=subprocess.PIPE, text=True, check=False)
        words = shlex.split(done.stdout, comments=True)
        given = dict(word.split("=", 1) for word in words if "=" in word)
        kept = {name: value for name, value in given.items() if not name.startswith(_URLS)}
        yield None if done.returncode else kept
    finally:
        subprocess.run([*down, "--wipe"], check=True)
        shutil.rmtree(folder)


def main() -> None:
    """Run the named benchmarks, each in a process of its own."""
    RESULTS.mkdir(exist_ok=True)
    figures: list[dict[str, Any]] = []
    for name in sys.argv[1:] or NAMES:
        print(f"\n{name}", flush=True)
        target = RESULTS / f"{name}.json"
        with servers(SERVERS.get(name, ())) as environment:
            if environment is None:
                print(f"left out: {', '.join(SERVERS[name])} cannot be had here")
                continue
            subprocess.run(
                [sys.executable, str(HERE / f"{name}.py"), "--json", str(target)],
                check=True,
                env=os.environ | environment,
            )
        figures += [{"benchmark": name, **figure} for figure in json.loads(target.read_text())]
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
    summary = {"machine": machine, "figures": figures}
    (RESULTS / "all.json").write_text(json.dumps(summary, indent=2) + "\n")
    missed = [item for item in figures if item.get("holds") is False]
    print(f"\n{len(figures)} figures, {len(missed)} below their target")
    for item in missed:
        print(
            f"  {item['benchmark']}: {item['name']}: ratio {item['ratio']}, target {item['target']}"
        )


if __name__ == "__main__":
    main()
