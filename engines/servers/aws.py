"""AWS as moto imitates it, in memory: SNS, SQS, DynamoDB, EventBridge and more."""

from toolkit import HOST, Place, free_port, pip, start

PROCESSES = ("moto",)
_PACKAGE = "moto[server]==5.2.5"
# It takes any credentials; these are those of the S3 server, which is used beside it.
_KEY, _SECRET, _REGION = "mediakiln", "mediakiln-secret", "us-east-1"

# moto's threads change what others iterate over. So they take turns where they wait, not where
# the interpreter would have them: an hour is longer than any of them computes.
_MAIN = """\
import sys
from moto.server import main
sys.setswitchinterval(3600)
main()
"""


def up(place: Place) -> dict[str, str]:
    """Start it; a stop forgets everything. As a broker: `sqs://us-east-1?endpoint=URL`."""
    python = pip("moto-5.2.5", _PACKAGE)
    port = free_port()
    argv = [python, "-c", _MAIN, "-H", HOST, "-p", str(port)]
    start(place, "moto", argv, ready=port)
    endpoint = f"http://{HOST}:{port}"
    return {
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": _REGION,
        "MEDIAKILN_TEST_AWS": endpoint,
    }
