"""Print the part of a lock file that pip's report names: `locked.py REPORT LOCK`.

The lock file holds development's tools as well. pip's report of a dry run says which packages
one installation needs; their entries, with all hashes, go to standard output.
"""

import json
import re
import sys
from pathlib import Path


def normal(name: str) -> str:
    """A package's name as the index knows it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(report: str, lock: str) -> None:
    """Print the entries; ends with an error where one is missing from the lock file."""
    installed = json.loads(Path(report).read_text())["install"]
    wanted = {normal(item["metadata"]["name"]) for item in installed} - {"mediakiln"}
    found: dict[str, str] = {}
    for entry in re.split(r"^(?=\S)", Path(lock).read_text(), flags=re.MULTILINE):
        # A package has several entries where platforms differ; their markers tell them apart.
        name = normal(entry.partition("==")[0])
        found[name] = found.get(name, "") + entry
    if missing := wanted - found.keys():
        sys.exit(f"not in {lock}: {', '.join(sorted(missing))}; run `make lock`")
    print("".join(found[name] for name in sorted(wanted)), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
