import pytest

from mediakiln.adapters.broker.sqs import SqsBroker
from mediakiln.adapters.broker.sqs.address import Address
from mediakiln.adapters.broker.sqs.failures import of_code
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    LeaseLost,
    NotFound,
)


def test_on_aws_a_region_says_all() -> None:
    address = Address.of("sqs://eu-central-1")
    assert (address.region, address.endpoint, address.prefix) == (
        "eu-central-1",
        None,
        "mediakiln-",
    )
    assert (address.sns, address.fair, address.poll_s) == (True, True, 20)
    assert SqsBroker.from_url("sqs://eu-central-1").capabilities.fair_shares


def test_every_option_is_read() -> None:
    address = Address.of(
        "sqs://x?endpoint=http://h:1&sns_endpoint=https://s&prefix=p-&fanout=queues&fair=1&poll=5"
    )
    assert (address.endpoint, address.sns_endpoint) == ("http://h:1", "https://s")
    assert (address.prefix, address.sns, address.fair, address.poll_s) == ("p-", False, True, 5)


def test_another_server_is_not_trusted_to_have_fair_queues() -> None:
    broker = SqsBroker.from_url("sqs://x?endpoint=http://h:1")
    assert not broker.capabilities.fair_shares
    assert Address.of("sqs://x?endpoint=http://h:1").sns_endpoint == "http://h:1"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sqs://", "no region"),
        ("sqs:///queue", "no region"),
        ("kafka://x", "no region"),
        ("sqs://x/queue", "no region"),
        ("sqs://x?colour=1", "colour"),
        ("sqs://x?fanout=both", "fanout"),
        ("sqs://x?fair=yes", "fair"),
        ("sqs://x?poll=0", "poll"),
        ("sqs://x?poll=21", "poll"),
        ("sqs://x?poll=1.5", "poll"),
        ("sqs://x?endpoint=localhost:9324", "endpoint"),
    ],
)
def test_a_wrong_url_is_refused_by_name_and_with_a_remedy(url: str, named: str) -> None:
    with pytest.raises(EngineMisconfigured, match=named) as caught:
        SqsBroker.from_url(url)
    assert "MEDIAKILN_BROKER" in str(caught.value)
    assert caught.value.context["hint"]


@pytest.mark.parametrize(
    ("code", "operation", "expected"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", "sqs:SendMessage", NotFound),
        ("QueueDoesNotExist", "sqs:GetQueueUrl", NotFound),
        ("NotFound", "sns:Publish", NotFound),
        ("ReceiptHandleIsInvalid", "sqs:DeleteMessage", LeaseLost),
        ("InvalidParameterValue", "sqs:ChangeMessageVisibility", LeaseLost),
        ("AWS.SimpleQueueService.MessageNotInflight", "sqs:DeleteMessage", LeaseLost),
        ("InvalidParameterValue", "sqs:SendMessage", EngineError),
        ("com.amazon.coral.service#AccessDeniedException", "sqs:X", EngineMisconfigured),
        ("AuthorizationError", "sns:Publish", EngineMisconfigured),
        ("SignatureDoesNotMatch", "sqs:X", EngineMisconfigured),
        ("ExpiredToken", "sqs:X", EngineMisconfigured),
        ("RequestThrottled", "sqs:X", EngineUnavailable),
        ("OverLimit", "sqs:ReceiveMessage", EngineUnavailable),
    ],
)
def test_codes_of_the_services_are_told_in_our_words(
    code: str, operation: str, expected: type[Exception]
) -> None:
    error = of_code(code, "why", operation, Address(region="eu-central-1"))
    assert type(error) is expected


def test_a_server_that_takes_no_message_groups_is_named_with_the_remedy() -> None:
    said = "The request includes MessageGroupId, which is not valid for this queue type"
    error = of_code("InvalidParameterValue", said, "sqs:SendMessage", Address(region="x"))
    assert isinstance(error, EngineMisconfigured)
    assert error.context["hint"] == "add the option fair=0"
