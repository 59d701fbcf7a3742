"""An S3 server on local files: versitygw."""

from toolkit import HOST, Place, free_port, go, start

PROCESSES = ("versitygw",)
_PACKAGE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
_KEY, _SECRET, _REGION = "mediakiln", "mediakiln-secret", "us-east-1"
_FOLDERS = ("objects", "metadata", "versions")


def up(place: Place) -> dict[str, str]:
    """Start it; buckets are made by `mediakiln init`."""
    program = go("versitygw", _PACKAGE)
    port = free_port()
    for name in _FOLDERS:
        (place.folder / name).mkdir(parents=True, exist_ok=True)
    objects, metadata, versions = (place.folder / name for name in _FOLDERS)
    argv = [program, "--access", _KEY, "--secret", _SECRET, "--region", _REGION]
    argv += ["--port", f"{HOST}:{port}", "posix", "--sidecar", metadata]
    start(place, "versitygw", [*argv, "--versioning-dir", versions, objects], ready=port)
    endpoint = f"http://{HOST}:{port}"
    return {
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": _REGION,
        "MEDIAKILN_STORE": f"s3://mediakiln?endpoint={endpoint}&region={_REGION}",
        "MEDIAKILN_TEST_S3": endpoint,
    }
