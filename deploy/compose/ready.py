"""The health check of `web`: ends with 0 if `/readyz` answers 200 within a few seconds."""

import os
import urllib.request

port = os.environ.get("MEDIAKILN_PORT", "8420")
urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=4).close()
