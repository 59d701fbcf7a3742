import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mediakiln.adapters.object_store.sns import Signatures, envelope
from mediakiln.model.errors import FetchFailed, Forbidden
from support.sns import CERTIFICATE_URL, NOW, Amazon, certificate, question, signed

HOST = "https://sns.eu-central-1.amazonaws.com"


async def verify(
    members: dict[str, Any], *, amazon: Amazon | None = None, after: timedelta = timedelta()
) -> None:
    message = envelope(json.dumps(members).encode())
    assert message is not None
    await Signatures(amazon or Amazon(), clock=lambda: NOW + after).verify(message)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Amazon S3 Notification ü"}])
async def test_what_amazon_signed_is_right(version: str, more: dict[str, str]) -> None:
    await verify(signed('{"a": 1}', version=version, **more))
    await verify(question(version=version))


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "another"},
        {"MessageId": "another"},
        {"Subject": "added"},
        {"Timestamp": "2026-03-01T10:00:01.000Z"},
        {"TopicArn": "arn:aws:sns:eu-central-1:666:evil"},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
        {"Signature": "AAAA"},
        {"Signature": "%%%"},
        {"Signature": None},
        {"Message": None},
        {"Message": ["m"]},
        {"Timestamp": "yesterday"},
        {"Type": "SubscriptionConfirmation"},
    ],
)
async def test_what_was_changed_on_the_way_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        await verify(signed("message") | change)


@pytest.mark.parametrize("name", ["SubscribeURL", "Token"])
async def test_a_question_s_address_and_token_are_signed_as_well(name: str) -> None:
    with pytest.raises(Forbidden):
        await verify(question() | {name: "another"})


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-central-1.amazonaws.com:444/a.pem",
        "https://evil.sns.eu-central-1.amazonaws.com/a.pem",
        "https://bucket.s3.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.txt",
        "https://sns.eu-central-1.amazonaws.com/?a.pem",
        "https://sns.eu-central-1.amazonaws.com/#a.pem",
        "https://[bad/a.pem",
        f"https://sns.{'a' * 100}.amazonaws.com/a.pem",
        "",
        None,
    ],
)
async def test_certificates_come_from_amazon_alone(url: str | None) -> None:
    amazon = Amazon()
    with pytest.raises(Forbidden):
        await verify(signed("message", SigningCertURL=url), amazon=amazon)
    assert amazon.urls == []


async def test_china_s_hosts_are_amazon_s_too() -> None:
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem"
    await verify(signed("m", SigningCertURL=url), amazon=Amazon({url: certificate()}))


async def test_a_message_is_good_for_an_hour_and_as_often_as_it_comes() -> None:
    amazon = Amazon()
    signatures = Signatures(amazon, clock=lambda: NOW + timedelta(minutes=59))
    message = envelope(json.dumps(signed("m")).encode())
    assert message is not None
    await asyncio.gather(*(signatures.verify(message) for _ in range(3)))
    assert amazon.urls == [CERTIFICATE_URL]
    for after in (timedelta(minutes=61), timedelta(minutes=-16)):
        with pytest.raises(Forbidden, match="too old"):
            await verify(signed("m"), amazon=amazon, after=after)
    assert amazon.urls == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>",
        certificate(days=-1),
        certificate(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["empty", "html", "expired", "not rsa"],
)
async def test_what_is_no_certificate_of_today_verifies_nothing(page: bytes) -> None:
    with pytest.raises(Forbidden):
        await verify(signed("m"), amazon=Amazon({CERTIFICATE_URL: page}))


async def test_a_certificate_that_is_not_there_is_not_asked_for_again_at_once() -> None:
    amazon = Amazon({})
    signatures = Signatures(amazon, clock=lambda: NOW)
    message = envelope(json.dumps(signed("m")).encode())
    assert message is not None
    with pytest.raises(Forbidden):
        await signatures.verify(message)
    with pytest.raises(FetchFailed):
        await signatures.verify(message)
    assert len(amazon.urls) == 1


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 500_000, b"[]", b'{"Type": "Other"}', b"7"])
def test_other_messages_have_no_envelope(body: bytes) -> None:
    assert envelope(body) is None
