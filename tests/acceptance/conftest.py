"""One platform for all bad input, on which good files flow all the time."""

from collections.abc import Iterator

import pytest

from support import plugin
from support.platform import Platform, platform
from support.uploads import AT_LEAST, GoodFiles
from support.waiting import until


@pytest.fixture(scope="session")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a key, for all tests of commands that leave it as it is."""
    with platform(tmp_path_factory.mktemp("commanded"), auth=True) as made:
        yield made


@pytest.fixture(scope="session")
def mischievous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with somebody else's operations."""
    folder = tmp_path_factory.mktemp("bad")
    settings = {"MAX_UPLOAD_BYTES": "3000000", "WORKERS": "2", "RETRY_BASE_S": "0.1"}
    others = str(plugin.install(folder / "plugins"))
    with platform(folder, settings=settings, module_path=others) as made:
        yield made
        _nothing_is_left(made)


@pytest.fixture(scope="module")
def pestered(mischievous: Platform) -> Iterator[Platform]:
    """The same, on which good files flow as long as a file's tests run, and no longer."""
    good = GoodFiles(mischievous)
    yield mischievous
    good.close()
    assert len(good.ended) >= AT_LEAST


def _nothing_is_left(site: Platform) -> None:
    """No process had to be started again, and no file lies about in scratch."""
    assert not [line for line in site.lines() if "starting it again" in line.get("message", "")]
    scratch = site.data / "store" / ".scratch"
    until(lambda: {path.suffix for path in scratch.rglob("*") if path.is_file()} <= {".lock"})
