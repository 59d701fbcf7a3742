"""Azure Blob Storage as Azurite imitates it."""

from base64 import b64encode

from toolkit import HOST, Place, free_port, need, npm, start

PROCESSES = ("azurite",)
_VERSION = "3.37.0"
_ACCOUNT, _KEY = "mediakiln", b64encode(b"mediakiln-secret").decode()


def up(place: Place) -> dict[str, str]:
    """Start it; containers are made by whoever uses it. A stop forgets everything."""
    package = npm(f"azurite-{_VERSION}", f"azurite@{_VERSION}")
    node = need("node", "install Node 20 or newer")
    port = free_port()
    program = package / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    # Much is young and dies at once; on files, a request would take several times as long.
    heap = ["--max-old-space-size=512", "--max-semi-space-size=64"]
    argv = [node, *heap, program, "--blobHost", HOST, "--blobPort", str(port)]
    argv += ["--inMemoryPersistence", "--extentMemoryLimit", "1024"]
    # Five seconds, as it has by itself, end connections just when the next request is sent.
    argv += ["--blobKeepAliveTimeout", "600", "--disableTelemetry", "--silent"]
    place.folder.mkdir(parents=True, exist_ok=True)
    accounts = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"}
    start(place, "azurite", argv, ready=port, environment=accounts)
    endpoint = f"http://{HOST}:{port}/{_ACCOUNT}"
    return {
        "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
        "MEDIAKILN_STORE": f"az://{_ACCOUNT}/mediakiln?endpoint={endpoint}",
        "MEDIAKILN_TEST_AZURE": endpoint,
    }
