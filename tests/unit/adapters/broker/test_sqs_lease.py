import pytest

from mediakiln.adapters.broker.sqs.lease import CAP_S, Lease, hidden_for
from mediakiln.model.errors import LeaseLost

HOUR = 3600.0


def test_the_server_hides_a_message_longer_than_its_holder_believes() -> None:
    assert [hidden_for(seconds) for seconds in (0.1, 0.5, 1, 59.6, 60)] == [1, 1, 2, 61, 61]


def test_a_lease_is_lost_when_its_time_is_up() -> None:
    lease = Lease(1000.0, 60)
    lease.check(1059.9)
    with pytest.raises(LeaseLost):
        lease.check(1060.0)


def test_an_extension_counts_from_now_and_may_shorten() -> None:
    lease = Lease(0.0, 60)
    lease.extend(50.0, 60)
    lease.check(109.0)
    lease.extend(100.0, 1)
    with pytest.raises(LeaseLost):
        lease.check(101.0)


def test_an_ended_delivery_is_lost_until_its_end_is_undone() -> None:
    lease = Lease(0.0, 60)
    lease.begin_end(1.0)
    for act in (lease.check, lease.begin_end):
        with pytest.raises(LeaseLost):
            act(2.0)
    lease.undo_end()
    lease.check(3.0)


def test_a_worker_that_extends_every_20_seconds_holds_a_message_for_almost_12_hours() -> None:
    lease = Lease(0.0, 60)
    for now in range(0, CAP_S - 20, 20):
        lease.check(now)
        asked = lease.visibility(now, hidden_for(60))
        assert now + asked < CAP_S, "SQS refuses more than 12 hours from the receive"
        lease.extend(now, 60)
    with pytest.raises(LeaseLost) as caught:
        lease.check(CAP_S)
    assert "12 hours" in caught.value.context["hint"]


def test_its_holder_knows_of_the_end_of_12_hours_before_the_server_gives_the_message_away() -> None:
    lease = Lease(0.0, 60)
    now = 12 * HOUR - 30
    lease.extend(now, 60)
    asked = lease.visibility(now, hidden_for(60))
    assert 0 < asked < 30
    with pytest.raises(LeaseLost):
        lease.check(now + asked)


def test_a_retry_near_the_end_of_12_hours_is_delayed_by_what_is_left() -> None:
    lease = Lease(0.0, CAP_S)
    assert lease.visibility(1.0, 900) == 900
    assert 0 < lease.visibility(CAP_S - 100, 900) < 100
    assert lease.visibility(CAP_S + 100, 900) == 0


def test_a_lease_of_more_than_12_hours_is_one_of_12() -> None:
    assert hidden_for(20 * HOUR) == CAP_S
    with pytest.raises(LeaseLost):
        Lease(0.0, 20 * HOUR).check(12 * HOUR)
