import re
import subprocess
import sys
from pathlib import Path

import pytest

from mediakiln.model.errors import InvalidRecipe
from mediakiln.sandbox import warm
from mediakiln.testing import mock_operations
from mediakiln.testing.mock_operations import plain


def test_references_name_one_operation_or_several() -> None:
    several = warm.load("mediakiln.testing.mock_operations:OPERATIONS")
    assert several == list(mock_operations.OPERATIONS)
    assert warm.load("mediakiln.testing.mock_operations.plain:copy") == [plain.copy]


@pytest.mark.parametrize("name", ["mediakiln.testing.mock_operations.params:ANY", "os:environ"])
def test_a_reference_to_something_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidRecipe, match=name):
        warm.load(name)


def test_a_library_that_starts_a_thread_is_found_out() -> None:
    assert warm.starts_threads("mediakiln.testing.mock_threads")
    assert not warm.starts_threads("colorsys")
    assert not warm.starts_threads("no.such.module")
    assert "mediakiln.testing.mock_threads" not in sys.modules


def test_installed_operations_are_loaded_when_they_are_asked_for() -> None:
    code = (
        "import sys; from mediakiln.sandbox.warm import Warmth; w = Warmth([]);"
        "name = 'mediakiln.operations.custom.command';"
        "assert name not in sys.modules; w.prepare(['custom.command']); assert name in sys.modules;"
        "assert w.operation('custom.command').name == 'custom.command'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a zygote: threads that other tests of this process left do not count."""
    monkeypatch.setattr(warm, "threads", lambda: 1)


@pytest.mark.usefixtures("alone")
def test_an_unknown_operation_is_named_with_those_there_are() -> None:
    warmth = warm.Warmth(["mediakiln.testing.mock_operations:OPERATIONS"])
    warmth.prepare(["mock.levitate"])
    with pytest.raises(InvalidRecipe) as caught:
        warmth.operation("mock.levitate")
    assert {"mock.copy", "custom.command"} <= set(caught.value.context["allowed"])


@pytest.mark.usefixtures("alone")
def test_versions_are_of_the_distributions_an_operation_names() -> None:
    warmth = warm.Warmth(["mediakiln.testing.mock_operations:OPERATIONS"])
    warmth.prepare(["mock.copy"])
    assert list(warmth.tools(warmth.operation("mock.copy"))) == ["pydantic"]
    assert warm._version("no-such-distribution") == {}


def test_ffmpeg_s_own_version_stands_beside_its_package_s() -> None:
    found = warm._version("imageio-ffmpeg")
    assert set(found) == {"imageio-ffmpeg", "ffmpeg"}
    assert re.search(r"\d+\.\d+", found["ffmpeg"])


@pytest.mark.usefixtures("alone")
def test_of_a_library_that_is_not_installed_nobody_is_warned_of_a_broken_one_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a_broken_library.py").write_text("import no_such_part_of_it\n")
    monkeypatch.syspath_prepend(tmp_path)
    with caplog.at_level("INFO", logger="mediakiln.sandbox"):
        warm.Warmth([]).preload(["no_such_library", "no_such_library.part", "a_broken_library"])
    assert [record.getMessage() for record in caplog.records] == [
        "cannot preload a_broken_library: No module named 'no_such_part_of_it'"
    ]
