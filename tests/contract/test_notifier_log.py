"""The log notifier keeps the notifiers' contract."""

import logging

import pytest

from mediakiln.adapters.notifier.log import LogNotifier
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.telemetry.log import JsonFormatter
from mediakiln.testing.notifier import NotifierContract, news


class TestLogNotifier(NotifierContract):
    @pytest.fixture
    def notifier(self) -> LogNotifier:
        return LogNotifier.from_url("log://")

    async def test_the_line_carries_the_news_and_its_fields(
        self, notifier: LogNotifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "mediakiln.notify")
        await notifier.send(news(run=2, words="and more"))
        (record,) = caplog.records
        assert record.getMessage().startswith('asset.ready {"asset":"0197"')
        line = JsonFormatter().format(record)
        for part in ('"asset": "0197"', '"run": 2', '"message_id": "0197-a"', "and more"):
            assert part in line
        assert "\n" not in record.getMessage()


def test_the_log_has_one_address() -> None:
    with pytest.raises(EngineMisconfigured, match="log://"):
        LogNotifier.from_url("log://elsewhere")
