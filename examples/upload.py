"""Upload files, wait for their thumbnails, and save them here.

    python examples/upload.py photo.jpg …

The key is read from the data folder of a server on this machine.
"""

import sys
from pathlib import Path

import mediakiln

KEY = Path("mediakiln-data/owner.key").read_text()
RECIPE = {"steps": {"thumb": {"op": "image.resize", "width": 320, "format": "webp"}}}


def main() -> None:
    """Upload all files first, so that the server works on them side by side."""
    with mediakiln.Client("http://127.0.0.1:8420", KEY) as client:
        assets = [client.submit(path, recipe=RECIPE) for path in sys.argv[1:]]
        for asset in map(client.wait, assets):
            if asset.error:
                print(f"{asset.name}: {asset.error.code}: {asset.error.message}")
            else:
                print(client.download(asset.product("thumb"), "."))


if __name__ == "__main__":
    main()
