import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakiln.adapters.broker.doorbell import Doorbell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bells"


@pytest.fixture
def publisher(folder: Path) -> Iterator[Doorbell]:
    doorbell = Doorbell(folder)
    yield doorbell
    doorbell.close()


@pytest.fixture
def consumer(folder: Path) -> Iterator[Doorbell]:
    doorbell = Doorbell(folder)
    yield doorbell
    doorbell.close()


def test_a_ring_names_its_groups(publisher: Doorbell, consumer: Doorbell) -> None:
    listener = consumer.open()
    publisher.ring({3, 14})
    publisher.ring({15})
    assert listener.listen(5) == {3, 14, 15}
    assert listener.listen(0) == set()


def test_nobody_rings_at_their_own_door(consumer: Doorbell) -> None:
    listener = consumer.open()
    consumer.ring({1})
    assert listener.listen(0) == set()


def test_a_ring_ends_a_listen_at_once(publisher: Doorbell, consumer: Doorbell) -> None:
    listener = consumer.open()
    threading.Timer(0.1, publisher.ring, [{7}]).start()
    began = time.monotonic()
    assert listener.listen(20) == {7}
    assert time.monotonic() - began < 10


def test_a_listener_that_never_listens_blocks_no_publisher(
    publisher: Doorbell, consumer: Doorbell
) -> None:
    listener = consumer.open()
    for number in range(5000):
        publisher.ring({number})
    assert 0 in listener.listen(0)


def test_noise_on_the_socket_is_not_a_group(publisher: Doorbell, consumer: Doorbell) -> None:
    listener = consumer.open()
    publisher._send(listener.name, b"\xff\x00 7 -1 x9 8")
    assert listener.listen(1) == {7, 8}


def test_the_socket_of_a_dead_process_is_removed_by_the_next_ring(
    folder: Path, publisher: Doorbell
) -> None:
    dead = Doorbell(folder)
    dead.open()
    dead.abandon()
    assert len(list(folder.iterdir())) == 1
    publisher.ring({1})
    assert not list(folder.iterdir())


def test_a_folder_that_is_cleared_stops_nobody(
    folder: Path, publisher: Doorbell, consumer: Doorbell
) -> None:
    consumer.open()
    for socket in folder.iterdir():
        socket.unlink()
    publisher.ring({1})
    assert not list(folder.iterdir())
