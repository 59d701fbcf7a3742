"""The first recipe of CONTRIBUTING.md, followed in a copy of the project."""

import tomllib
from pathlib import Path

import pytest

from mediakiln.cli.new import with_entry_point
from mediakiln.model.errors import AlreadyExists
from support.project import ROOT, Project

RECIPE = '{"steps": {"facts": {"op": "image.blocks", "block_bytes": 100}}}'


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A copy of mediakiln's sources."""
    return Project.checkout(tmp_path / "copy")


@pytest.fixture
def extension(tmp_path: Path) -> Project:
    """Somebody else's project with no operation yet."""
    folder = tmp_path / "extension"
    (folder / "src" / "my_extras").mkdir(parents=True)
    (folder / "src" / "my_extras" / "__init__.py").touch()
    (folder / "pyproject.toml").write_text('[project]\nname = "my-extras"\nversion = "1"\n')
    return Project(folder)


@pytest.mark.slow
def test_a_new_operation_in_the_checkout_passes_its_tests_and_runs(checkout: Project) -> None:
    made = checkout.run("mediakiln", "new", "operation", "image.blocks")
    assert made.returncode == 0, made.stderr
    checkout.install()
    checkout.lint("src/mediakiln/operations/image/blocks.py", "tests/contract")
    checkout.pytest("tests/contract/test_operation_image_blocks.py")
    (checkout.folder / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (checkout.folder / "recipe.json").write_text(RECIPE)
    ran = checkout.run("mediakiln", "process", "dot.svg", "--recipe", "recipe.json")
    assert ran.returncode == 0, ran.stderr
    assert (checkout.folder / "dot-facts.json").read_text() == '{"bytes": 41, "blocks": 1}'


@pytest.mark.slow
def test_a_new_operation_of_another_project_passes_its_tests(extension: Project) -> None:
    made = extension.run("mediakiln", "new", "operation", "audio.loudness_range")
    assert made.returncode == 0, made.stderr
    extension.install()
    extension.pytest("tests/test_operation_audio_loudness_range.py")
    listed = extension.run("mediakiln", "operations", "audio.loudness_range")
    assert listed.returncode == 0, listed.stderr
    assert "block_bytes" in listed.stdout


@pytest.mark.parametrize("name", ["invert", "picture.invert", "image.Invert", "image.import"])
def test_a_name_that_is_not_kind_and_verb_writes_nothing(extension: Project, name: str) -> None:
    before = sorted(extension.folder.rglob("*"))
    refused = extension.run("mediakiln", "new", "operation", name)
    assert refused.returncode == 1
    assert "kind.verb" in refused.stderr
    assert sorted(extension.folder.rglob("*")) == before


def test_nothing_is_overwritten(extension: Project) -> None:
    assert extension.run("mediakiln", "new", "operation", "video.cut").returncode == 0
    code = extension.folder / "src" / "my_extras" / "video_cut.py"
    code.write_text("mine")
    again = extension.run("mediakiln", "new", "operation", "video.cut")
    assert again.returncode == 1
    assert "already" in again.stderr
    assert code.read_text() == "mine"


def test_entry_points_stay_sorted_and_the_rest_of_the_file_as_it_was() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    name = "document.aaa"
    after = with_entry_point(text, name, "somewhere:aaa")
    assert after.replace(f'"{name}" = "somewhere:aaa"\n', "") == text
    entries = list(tomllib.loads(after)["project"]["entry-points"]["mediakiln.operations"])
    assert name in entries
    assert entries == sorted(entries)
    with pytest.raises(AlreadyExists):
        with_entry_point(after, name, "elsewhere:aaa")
