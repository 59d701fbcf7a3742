"""DynamoDB Local: the tables' files stay in the server's folder."""

from http import HTTPStatus
from pathlib import Path
from urllib.request import Request, urlopen

from toolkit import HOST, Place, free_port, maven, need, start

PROCESSES = ("dynamodb",)
_COORDINATES = "software.amazon.dynamodb:DynamoDBLocal:3.1.0"
_MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
_SQLITE = "libsqlite4java-linux-amd64"
# The same as those of the S3 server, so that both serve one process.
_KEY, _SECRET, _REGION = "mediakiln", "mediakiln-secret", "us-east-1"


def up(place: Place) -> dict[str, str]:
    """Start it; the table is made by `mediakiln init`."""
    java = need("java", "install Java 17 (Debian: apt install openjdk-17-jre-headless)")
    jars = maven("dynamodb-3.1.0", _COORDINATES)
    _link_sqlite(place, jars)
    port = free_port()
    data = place.file("tables/.")
    data.mkdir(exist_ok=True)
    memory = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    argv = [java, *memory, f"-Djava.library.path={place.file('native/.')}"]
    argv += ["-cp", f"{jars}/*", _MAIN, "-port", str(port), "-sharedDb", "-disableTelemetry"]
    endpoint = f"http://{HOST}:{port}"
    start(place, "dynamodb", [*argv, "-dbPath", data], ready=lambda: _answers(endpoint))
    return {
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": _REGION,
        "MEDIAKILN_CATALOG": f"dynamodb://{_REGION}/mediakiln?endpoint={endpoint}",
        "MEDIAKILN_TEST_DYNAMODB": endpoint,
    }


def _answers(endpoint: str) -> bool:
    """Whether it lists its tables: the first answer takes seconds, which no test should see."""
    scope = f"{_KEY}/20200101/{_REGION}/dynamodb/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
    }
    request = Request(endpoint, data=b"{}", headers=headers)  # noqa: S310 - ours, on loopback
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _link_sqlite(place: Place, jars: Path) -> None:
    """The server asks for its native library by a name without the version."""
    link = place.file(f"native/{_SQLITE}.so")
    link.unlink(missing_ok=True)
    link.symlink_to(next(jars.glob(f"{_SQLITE}-*.so")))
