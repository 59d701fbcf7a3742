"""The broker contract on SQS alone (ElasticMQ), where the publisher fans out."""

import pytest

from support.servers import server
from support.sqs import SqsContract, url_of

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("sqs")]


class TestSqsBroker(SqsContract):
    @pytest.fixture
    def url(self) -> str:
        return url_of(server("SQS", "sqs"), fanout="queues")
