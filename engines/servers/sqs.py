"""An SQS server: ElasticMQ, with its queues and messages in a file. It has no SNS."""

from pathlib import Path

from toolkit import HOST, Place, free_port, listening, maven, need, start

PROCESSES = ("elasticmq",)
_COORDINATE = "org.elasticmq:elasticmq-server_2.13:1.7.1"
_HEAP = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# ElasticMQ takes any credentials; these are those of the S3 server, which is used beside it.
_KEY, _SECRET, _REGION = "mediakiln", "mediakiln-secret", "us-east-1"
_CONFIGURATION = """\
include classpath("application.conf")
pekko.loglevel = "WARNING"
node-address {{ host = {host}, port = {port} }}
rest-sqs {{ bind-hostname = {host}, bind-port = {port} }}
aws {{ region = {region}, accountId = "000000000000" }}
messages-storage {{ enabled = true, uri = "jdbc:h2:{data};DB_CLOSE_ON_EXIT=FALSE" }}
"""


def up(place: Place) -> dict[str, str]:
    """Start it, on the port it had before if that is free; `mediakiln init` makes the queues."""
    jars = maven("elasticmq-1.7.1", _COORDINATE)
    port = _port(place.file("port"))
    configuration = place.file("elasticmq.conf")
    configuration.write_text(
        _CONFIGURATION.format(host=HOST, port=port, region=_REGION, data=place.file("data/queues"))
    )
    java = need("java", "install Java 17")
    argv = [java, *_HEAP, f"-Dconfig.file={configuration}", "-cp", f"{jars}/*"]
    start(place, "elasticmq", [*argv, "org.elasticmq.server.Main"], ready=port)
    endpoint = f"http://{HOST}:{port}"
    return {
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": _REGION,
        "MEDIAKILN_BROKER": f"sqs://{_REGION}?endpoint={endpoint}&fanout=queues",
        "MEDIAKILN_TEST_SQS": endpoint,
    }


def _port(kept: Path) -> int:
    """The same port after a restart: queues are known by URLs that hold it."""
    if kept.exists() and not listening(port := int(kept.read_text())):
        return port
    port = free_port()
    kept.write_text(str(port))
    return port
