"""Google Cloud Storage as fake-gcs-server imitates it."""

from toolkit import HOST, Place, free_port, go, start

PROCESSES = ("fake-gcs-server",)
_PACKAGE = "github.com/fsouza/fake-gcs-server@v1.56.1"


def up(place: Place) -> dict[str, str]:
    """Start it; buckets are made by whoever uses it. A stop forgets everything."""
    program = go("fake-gcs-server", _PACKAGE)
    port = free_port()
    address = f"{HOST}:{port}"
    argv = [program, "-scheme", "http", "-host", HOST, "-port", str(port), "-log-level", "error"]
    argv += ["-backend", "memory"]  # on files, a key cannot become a folder
    argv += ["-public-host", address, "-external-url", f"http://{address}"]
    start(place, "fake-gcs-server", argv, ready=port)
    return {
        "MEDIAKILN_STORE": f"gs://mediakiln?endpoint=http://{address}&anonymous=true",
        "MEDIAKILN_TEST_GCS": f"http://{address}",
    }
