"""The webhook notifier keeps the notifiers' contract, against a real server on this machine."""

import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from mediakiln.adapters.notifier.webhook import WebhookNotifier
from mediakiln.model.errors import NotifyFailed, NotifyRefused
from mediakiln.ports.notifier import Notifier
from mediakiln.testing.notifier import Receiver, RemoteNotifierContract, news

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four bytes and more").decode()
OLDER = "whsec_" + base64.b64encode(b"an older key of at least 24 bytes").decode()


def webhook(port: int, secret: str = SECRET, **options: object) -> WebhookNotifier:
    url = f"http://me:hunter2@127.0.0.1:{port}/hook?token=abc"
    return WebhookNotifier.from_url(url, secret=secret, allow_private=True, **options)


class TestWebhookNotifier(RemoteNotifierContract):
    @pytest.fixture
    async def notifier(self, receiver: Receiver) -> AsyncIterator[Notifier]:
        notifier = webhook(receiver.port)
        yield notifier
        await notifier.close()

    @pytest.fixture
    async def unreachable(self) -> AsyncIterator[Notifier]:
        with socket.socket() as bound:  # bound and not listening: every connection is refused
            bound.bind(("127.0.0.1", 0))
            notifier = webhook(bound.getsockname()[1])
            yield notifier
            await notifier.close()

    async def test_the_receiver_can_check_the_signature(
        self, notifier: Notifier, receiver: Receiver
    ) -> None:
        receipt = await notifier.send(news())
        (request,) = receiver.requests
        content = Webhook(SECRET).verify(request.body, request.headers)
        assert content["type"] == "asset.ready"
        assert content["timestamp"] == "2026-01-02T03:04:05Z"
        assert content["data"] == dict(news().data)
        assert (request.method, request.path) == ("POST", "/hook?token=abc")
        assert request.headers["webhook-id"] == "0197-a"
        assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert request.headers["authorization"].startswith("Basic ")
        assert (receipt.status, receipt.answer) == (200, "thanks")

    async def test_a_changed_body_is_not_verified(
        self, notifier: Notifier, receiver: Receiver
    ) -> None:
        await notifier.send(news())
        (request,) = receiver.requests
        forged = request.body.replace(b"ready", b"READY")
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(forged, request.headers)

    async def test_either_secret_verifies_while_they_change(self, receiver: Receiver) -> None:
        notifier = webhook(receiver.port, f"{SECRET} {OLDER}")
        await notifier.send(news())
        await notifier.close()
        (request,) = receiver.requests
        for secret in (SECRET, OLDER):
            Webhook(secret).verify(request.body, request.headers)

    async def test_a_repeat_has_the_same_id_and_a_signature_of_its_own_time(
        self, notifier: Notifier, receiver: Receiver
    ) -> None:
        for _ in range(2):
            await notifier.send(news())
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert abs(int(second.headers["webhook-timestamp"]) - time.time()) < 60
        assert json.loads(first.body) == json.loads(second.body)

    @pytest.mark.parametrize(
        "status", ["400 Bad Request", "401 No", "404 Not Found", "409 Conflict", "500 Oh", "503 No"]
    )
    async def test_no_success_is_a_failure_that_may_pass(
        self, notifier: Notifier, receiver: Receiver, status: str
    ) -> None:
        receiver.status, receiver.body = status, b"because"
        with pytest.raises(NotifyFailed) as failed:
            await notifier.send(news())
        assert failed.value.context["status"] == int(status[:3])
        assert failed.value.context["answer"] == "because"
        assert "retry_after" not in failed.value.context

    async def test_gone_is_for_ever(self, notifier: Notifier, receiver: Receiver) -> None:
        receiver.status = "410 Gone"
        with pytest.raises(NotifyRefused) as refused:
            await notifier.send(news())
        assert not refused.value.retryable
        assert refused.value.context["status"] == 410

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [
            ("120", 120, 120),
            ("0", 0, 0),
            ("99999999999", 86_400, 86_400),
            (timedelta(hours=1), 3_000, 3_600),
            (timedelta(hours=-1), 0, 0),
        ],
    )
    async def test_how_long_to_wait_is_passed_on(
        self,
        notifier: Notifier,
        receiver: Receiver,
        value: str | timedelta,
        least: float,
        most: float,
    ) -> None:
        if isinstance(value, timedelta):
            value = format_datetime(datetime.now(UTC) + value, usegmt=True)
        receiver.status, receiver.headers = "429 Too Many", (f"Retry-After: {value}",)
        with pytest.raises(NotifyFailed) as failed:
            await notifier.send(news())
        assert least <= failed.value.context["retry_after"] <= most

    @pytest.mark.parametrize("value", ["soon", "-5", "1e9", "²", "Mon, 99 Foo 2026 00:00:00 GMT"])
    async def test_a_wait_that_says_nothing_is_left_out(
        self, notifier: Notifier, receiver: Receiver, value: str
    ) -> None:
        receiver.status, receiver.headers = "503 Busy", (f"Retry-After: {value}",)
        with pytest.raises(NotifyFailed) as failed:
            await notifier.send(news())
        assert "retry_after" not in failed.value.context

    async def test_a_redirect_is_not_followed(self, receiver: Receiver, notifier: Notifier) -> None:
        async with Receiver() as other:
            receiver.status = "307 Temporary Redirect"
            receiver.headers = (f"Location: http://127.0.0.1:{other.port}/",)
            with pytest.raises(NotifyFailed, match="307") as failed:
                await notifier.send(news())
            assert "redirects" in failed.value.context["hint"]
            assert other.requests == []

    async def test_a_slow_receiver_costs_no_more_than_the_limit(self, receiver: Receiver) -> None:
        receiver.delay = 30
        await self._times_out(receiver)

    async def test_a_trickling_answer_costs_no_more_than_the_limit(
        self, receiver: Receiver
    ) -> None:
        receiver.trickle, receiver.body = 0.05, b"x" * 1_000
        await self._times_out(receiver)

    async def _times_out(self, receiver: Receiver) -> None:
        notifier = webhook(receiver.port, timeout=0.3)
        started = time.perf_counter()
        with pytest.raises(NotifyFailed, match="in time") as failed:
            await notifier.send(news())
        assert time.perf_counter() - started < 25
        assert failed.value.context["limit"] == 0.3
        await notifier.close()

    async def test_of_a_huge_answer_only_the_beginning_is_read(
        self, notifier: Notifier, receiver: Receiver
    ) -> None:
        receiver.body = "ü".encode() * 5_000_000
        started = time.perf_counter()
        receipt = await notifier.send(news())
        assert receipt.answer == "ü" * 1_000
        assert time.perf_counter() - started < 25

    async def test_an_answer_that_is_no_text_is_still_an_answer(
        self, notifier: Notifier, receiver: Receiver
    ) -> None:
        receiver.body, receiver.headers = bytes(range(256)), ("Content-Encoding: gzip",)
        receipt = await notifier.send(news())
        assert receipt.status == 200
        assert len(receipt.answer) == 256

    async def test_a_receiver_that_speaks_no_http_is_a_failure(
        self, notifier: Notifier, receiver: Receiver
    ) -> None:
        receiver.status = "nonsense\r\n\r\n"
        with pytest.raises(NotifyFailed):
            await notifier.send(news())

    async def test_cookies_are_not_kept(self, notifier: Notifier, receiver: Receiver) -> None:
        receiver.headers = ("Set-Cookie: a=b; Path=/",)
        for _ in range(2):
            await notifier.send(news())
        assert "cookie" not in receiver.requests[1].headers
