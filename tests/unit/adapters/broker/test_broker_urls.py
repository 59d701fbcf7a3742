from pathlib import Path

import pytest

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.model.errors import EngineMisconfigured


@pytest.mark.parametrize("url", ["memory://host", "memory:///path", "sqlite:///x", "memory"])
def test_a_memory_broker_has_one_address(url: str) -> None:
    with pytest.raises(EngineMisconfigured) as caught:
        MemoryBroker.from_url(url)
    assert caught.value.context["hint"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://host/x.db", "file:///x.db"])
def test_an_address_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(EngineMisconfigured) as caught:
        SqliteBroker.from_url(url)
    assert caught.value.context["hint"]


def test_a_sqlite_address_names_an_absolute_or_relative_file() -> None:
    assert SqliteBroker.from_url("sqlite:////a/b%20c.db")._path == Path("/a/b c.db")
    assert SqliteBroker.from_url("sqlite:///b.db")._path == Path.cwd() / "b.db"


async def test_building_a_broker_touches_nothing(tmp_path: Path) -> None:
    broker = SqliteBroker.from_url(f"sqlite:///{tmp_path}/broker.db")
    await broker.close()
    assert not list(tmp_path.iterdir())
