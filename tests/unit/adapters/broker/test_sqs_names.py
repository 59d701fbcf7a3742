import itertools

import pytest

from mediakiln.adapters.broker.sqs.names import group_of, net_name, queue_name, topic_name
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.model.topology import TOPOLOGY

ODD = ("a", "a-b", "a.b", "a_b", "a__b", "a.b-c", "ä", "☃.", "_", "-", "a_2db", "")


def test_names_of_the_pipeline_can_be_read() -> None:
    assert topic_name("mediakiln-", "jobs.image.heavy") == "mediakiln-jobs-image-heavy"
    assert queue_name("mediakiln-", "jobs.image", "process") == "mediakiln-jobs-image__process"
    assert net_name("mediakiln-") == "mediakiln-net"


def test_two_groups_never_share_a_queue() -> None:
    pairs = list(itertools.product(ODD, ODD))
    names = {queue_name("p-", topic, group) for topic, group in pairs}
    assert len(names) == len(pairs)
    assert net_name("p-") not in names


def test_a_group_is_read_from_its_queue_and_from_no_other() -> None:
    for topic, group in itertools.product(ODD, ODD):
        name = queue_name("p-", topic, group)
        assert group_of("p-", topic, name) == group
        assert all(group_of("p-", other, name) is None for other in ODD if other != topic)


def test_the_whole_topology_fits_with_a_prefix_of_40() -> None:
    for topic, groups in TOPOLOGY.items():
        for group in groups:
            assert len(queue_name("x" * 40, topic, group)) <= 80


@pytest.mark.parametrize("prefix", ["x" * 80, "with space", "dot."])
def test_a_prefix_that_sqs_does_not_take_is_refused(prefix: str) -> None:
    with pytest.raises(EngineMisconfigured, match="prefix") as caught:
        queue_name(prefix, "jobs.image", "process")
    assert "80" in caught.value.context["hint"]
