"""The broker contract on SNS and SQS as moto imitates them, where SNS fans out."""

import pytest

from support.servers import server
from support.sqs import SqsContract, url_of

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("aws")]


class TestSnsAndSqsBroker(SqsContract):
    @pytest.fixture
    def url(self) -> str:
        return url_of(server("AWS", "aws"))
