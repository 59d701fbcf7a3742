"""Every benchmark in turn: one table, and a JSON file each under benchmarks/results/.

    python benchmarks/run.py [NAME …]

Figures are ratios against a rival or a limit measured in the same run on the same machine;
absolute ones only describe the machine. Run it on a quiet machine.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
NAMES = ("pipeline", "web", "broker", "catalog", "detector")


def main() -> None:
    """Run the named benchmarks, each in a process of its own."""
    RESULTS.mkdir(exist_ok=True)
    figures: list[dict[str, Any]] = []
    for name in sys.argv[1:] or NAMES:
        print(f"\n{name}", flush=True)
        target = RESULTS / f"{name}.json"
        subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), "--json", str(target)], check=True
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
