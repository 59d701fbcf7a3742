"""What is special to SNS in front of SQS, and to AWS's permissions, as moto imitates them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiobotocore.session import AioSession

from mediakiln.adapters.broker.sqs import SqsBroker
from mediakiln.model.errors import EngineMisconfigured, NotFound
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, ids_of, made, take_one
from support.servers import server
from support.sqs import REGION, url_of, use_credentials

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("aws")]

ENGINES = Path(__file__).parents[2] / "engines"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> str:
    use_credentials(monkeypatch)
    return server("AWS", "aws")


@pytest.fixture
async def broker(endpoint: str) -> AsyncIterator[SqsBroker]:
    broker = SqsBroker.from_url(url_of(endpoint))
    await broker.ensure(TOPOLOGY)
    yield broker
    await broker.close()


async def subscriptions(broker: SqsBroker, topic: str) -> list[dict[str, Any]]:
    fanout: Any = broker._fanout
    arn = await fanout._arn(topic)
    answer = await broker._api.sns("list_subscriptions_by_topic", TopicArn=arn)
    return [
        (
            await broker._api.sns(
                "get_subscription_attributes", SubscriptionArn=each["SubscriptionArn"]
            )
        )["Attributes"]
        for each in answer["Subscriptions"]
    ]


async def test_every_group_has_one_raw_subscription_however_often_it_is_ensured(
    broker: SqsBroker,
) -> None:
    for _ in range(3):
        await broker.ensure(TOPOLOGY)
    found = await subscriptions(broker, "fan")
    queues = sorted(each["Endpoint"].rpartition("__")[2] for each in found)
    assert queues == ["left", "right", "third"]
    assert {each["RawMessageDelivery"] for each in found} == {"true"}


async def test_a_subscription_made_by_hand_is_made_raw(broker: SqsBroker) -> None:
    (found,) = await subscriptions(broker, "work")
    await broker._api.sns(
        "set_subscription_attributes",
        SubscriptionArn=found["SubscriptionArn"],
        AttributeName="RawMessageDelivery",
        AttributeValue="false",
    )
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", made(1))
    assert (await take_one(broker, "work", "workers")).message == made(1)[0]


async def test_a_queue_takes_messages_from_its_topic_and_keeps_its_own_policy(
    broker: SqsBroker,
) -> None:
    url = await broker._queues.url("work", "workers")
    own = {"Sid": "own", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own]})
    await broker._api.sqs("set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})
    for _ in range(2):
        await broker.ensure(TOPOLOGY)
    answer = await broker._api.sqs(
        "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy", "QueueArn"]
    )
    first, second = json.loads(answer["Attributes"]["Policy"])["Statement"]
    assert first == own
    assert second["Resource"] == answer["Attributes"]["QueueArn"]
    assert second["Principal"] == {"Service": "sns.amazonaws.com"}
    (source,) = second["Condition"]["ArnEquals"].values()
    assert source.startswith(f"arn:aws:sns:{REGION}:")
    assert source.endswith("-work")


async def test_a_delayed_message_reaches_every_group(broker: SqsBroker) -> None:
    await broker.publish("fan", made(12), delay=1)
    for group in TOPOLOGY["fan"]:
        assert not await broker.receive("fan", group, limit=1, wait=0, lease=LEASE)
    for group in TOPOLOGY["fan"]:
        assert len(set(await ids_of(broker, "fan", group, 12))) == 12
    with pytest.raises(NotFound):
        await broker.publish("nowhere", made(1), delay=1)


async def test_thirty_messages_reach_three_groups_by_sns(broker: SqsBroker) -> None:
    await broker.publish("fan", made(30))
    for group in TOPOLOGY["fan"]:
        got = await collect(broker, "fan", group, 30)
        assert sorted(d.message.id for d in got) == [m.id for m in made(30)]


async def test_another_region_or_prefix_is_suspected_where_nothing_is_found(endpoint: str) -> None:
    url = url_of(endpoint)
    here, there = (SqsBroker.from_url(url.replace(REGION, name)) for name in (REGION, "eu-west-1"))
    await here.ensure(TOPOLOGY)
    for call in (
        there.publish("work", made(1)),
        there.publish("work", made(1), group="workers"),
        there.receive("work", "workers", limit=1, wait=0, lease=LEASE),
    ):
        with pytest.raises(NotFound, match="work") as caught:
            await call
        assert "region" in caught.value.context["hint"]
    await here.close()
    await there.close()


async def test_a_project_travels_as_a_message_group_where_fair_turns_are_asked_for(
    endpoint: str,
) -> None:
    broker = SqsBroker.from_url(url_of(endpoint, fair=1))
    assert broker.capabilities.fair_shares
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", made(1, project="p 1"))
    await broker.publish("work", made(1, project="p 2"), group="workers")
    url = await broker._queues.url("work", "workers")
    answer = await broker._api.poll(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )
    groups = {raw["Attributes"]["MessageGroupId"] for raw in answer["Messages"]}
    assert groups == {"p%201", "p%202"}
    await broker.close()


@pytest.fixture
def guarded(endpoint: str, tmp_path: Path) -> Iterator[str]:
    """A server of this test's own, since permissions are checked for all of a server or none."""
    assert endpoint

    def engines(command: str) -> str:
        argv = [sys.executable, str(ENGINES / command), "--data", str(tmp_path), "aws"]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    said = engines("up")
    yield said.rpartition("MEDIAKILN_TEST_AWS=")[2].strip()
    engines("down")


def check_permissions(endpoint: str) -> None:
    """From now on the server knows only the users it was told of, and what each may do."""
    address = f"{endpoint}/moto-api/reset-auth"
    httpx2.post(address, content=b"0", trust_env=False).raise_for_status()


async def a_user(endpoint: str, *actions: str) -> tuple[str, str]:
    """The key and secret of a user who may do these."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    async with AioSession().create_client("iam", REGION, endpoint_url=endpoint) as iam:
        await iam.create_user(UserName="u")
        await iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy)
        key = (await iam.create_access_key(UserName="u"))["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


async def test_credentials_and_permissions_that_do_not_suffice_are_named(
    guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(guarded)
    maker = SqsBroker.from_url(url)
    await maker.ensure(TOPOLOGY)
    await maker.close()
    reading = ("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
    key, secret = await a_user(guarded, *reading)
    check_permissions(guarded)
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mediakiln"

    stranger = SqsBroker.from_url(url)
    with pytest.raises(EngineMisconfigured, match="refuses the credentials") as caught:
        await stranger.backlog("work", "workers")
    assert "AWS_ACCESS_KEY_ID" in caught.value.context["hint"]
    await stranger.close()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    mistyped = SqsBroker.from_url(url)
    with pytest.raises(EngineMisconfigured, match="refuses the credentials"):
        await mistyped.backlog("work", "workers")
    await mistyped.close()

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    reader = SqsBroker.from_url(url)
    assert (await reader.backlog("work", "workers")).ready == 0
    with pytest.raises(EngineMisconfigured, match="does not allow sqs:SendMessage") as caught:
        await reader.publish("work", made(1), group="workers")
    assert "sqs:SendMessage" in caught.value.context["hint"]
    with pytest.raises(EngineMisconfigured, match="does not allow sns:Publish"):
        await reader.publish("work", made(1))
    await reader.close()
