"""The house's habits: sizes, docstrings, words, settings, entry points, imports."""

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from mediakiln.ports.operation import ENTRY_POINT_GROUP, Operation, OperationSet
from mediakiln.roles.settings import PREFIX, Settings
from mediakiln.stages.recipes import RecipeBook

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mediakiln"
MODULES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in MODULES}

MAX_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_FILES = 15

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS = {
    "testing/catalog_samples.py: an_elaborate_asset": "one record with every field filled",
}
FULL_FOLDERS = {
    "cli": "one file a command",
    "model": "one file a word of the domain",
    "roles": "one file a role",
    "testing": "one file a part of each contract",
}
ENVIRONMENT = {
    "adapters/object_store/cloud/azure/signing.py": "finds the account's key where obstore does",
    "roles/settings.py": "the one reader",
    "client/address.py": "a program that uses the client has no settings",
    "roles/supervisor.py": "hands its own environment down to its children",
    "sandbox/child.py": "points a job's own libraries at its scratch folder",
    "testing/mock_operations/plain.py": "shows what a job can see of it",
}
"""Who may touch the process's environment, and why."""

FORBIDDEN = re.compile(
    r"\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b",
    re.IGNORECASE,
)
"""Marks of unfinished work."""


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines without the docstring."""
    whole = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return whole
    words = function.body[0]
    return whole - ((words.end_lineno or 0) - words.lineno + 1)


def published() -> Iterator[Path]:
    """Every text file that git keeps."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:8192]:
            yield path


def test_no_file_is_long_without_a_reason() -> None:
    long = {named(path) for path in MODULES if len(path.read_text().splitlines()) > MAX_LINES}
    assert long == LONG_FILES.keys()


def test_no_function_is_long_without_a_reason() -> None:
    long = {
        f"{named(path)}: {function.name}"
        for path, tree in TREES.items()
        for function in functions(tree)
        if length(function) > MAX_FUNCTION_LINES
    }
    assert long == LONG_FUNCTIONS.keys()


def test_no_folder_is_full_without_a_reason() -> None:
    counts = Counter(named(path.parent) for path in MODULES if path.name != "__init__.py")
    full = {folder for folder, count in counts.items() if count > MAX_FILES}
    assert full == FULL_FOLDERS.keys()


def test_every_module_says_what_it_is() -> None:
    assert [named(path) for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_only_the_settings_read_the_environment() -> None:
    touching = {
        named(path) for path in MODULES if re.search(r"os\.(environ|getenv)", path.read_text())
    }
    assert touching == ENVIRONMENT.keys()


def test_nothing_is_left_that_tells_of_its_making() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout: what is published cannot be told")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in published()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("entry", list(entry_points(group=ENTRY_POINT_GROUP)), ids=lambda e: e.name)
def test_every_entry_point_is_an_operation_of_that_name(entry: Any) -> None:
    item = entry.load()
    assert isinstance(item, Operation)
    assert item.name == entry.name
    assert item.summary.endswith(".")
    assert item.accepts
    assert item.produces


@pytest.mark.parametrize("item", list(OperationSet.installed()), ids=lambda item: item.name)
def test_every_parameter_says_what_it_is(item: Operation) -> None:
    assert list(_undescribed(item.params.model_json_schema())) == []


def _undescribed(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            yield name
    for title, part in schema.get("$defs", {}).items():
        for name, field in part.get("properties", {}).items():
            if not field.get("description"):
                yield f"{title}.{name}"


def test_every_setting_is_described_and_stands_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"`{PREFIX}{name.upper()}`" in page


def test_settings_that_the_code_names_exist() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named_ = {
        (named(path), word)
        for path in MODULES
        if path.parent.name != "testing"
        for word in re.findall(rf"{PREFIX}[A-Z][A-Z0-9_]*[A-Z0-9]", path.read_text())
    }
    assert {pair for pair in named_ if pair[1] not in known} == set()


def test_every_preset_is_made_of_installed_operations() -> None:
    book = RecipeBook(OperationSet.installed())
    assert {name for name, _ in book} >= {"image", "document", "model3d", "video", "audio"}


def test_imports_go_one_way() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    if not program.is_file():
        pytest.skip("import-linter is not installed")
    answer = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
