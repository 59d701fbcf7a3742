"""What the documents say is so: links lead somewhere, recipes are valid, pages are current."""

import json
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mediakiln.cli.main import app
from mediakiln.operations.custom.config import read_commands
from mediakiln.operations.image.recognise.label_model import LabelModel
from mediakiln.ports.operation import OperationSet
from mediakiln.stages.recipes import RecipeBook

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(
    r"^(?:\w+=\S+ )*(?:\.venv/bin/)?mediakiln ([a-z]+)(?: ([a-z]+))?", re.MULTILINE
)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    """Every code block of a language, with the page it stands on."""
    for page in PAGES:
        for _, found, body in BLOCK.findall(page.read_text()):
            if found == language:
                yield page, body


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_to_files(page: Path) -> None:
    text = BLOCK.sub("", page.read_text())
    targets = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]
    missing = [target for target in targets if target and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_has_one_title_and_no_place_of_one_machine(page: Path) -> None:
    text = BLOCK.sub("", page.read_text())
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert not re.search(r"/(?:root|tmp|work|home)/", page.read_text())


POLICY = re.compile(r"(sqs|sns|s3|dynamodb|kms|rekognition):[A-Z]\w+")
"""An action as AWS's permissions name it."""


def check_policy(policy: dict[str, Any]) -> None:
    """An IAM policy, as far as its form goes."""
    assert policy.keys() == {"Version", "Statement"}
    for statement in policy["Statement"]:
        assert statement.keys() == {"Effect", "Action", "Resource"}
        assert all(POLICY.fullmatch(action) for action in statement["Action"])
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            assert resource == "*" or resource.startswith("arn:aws:")


def test_every_json_block_is_something_that_is_valid() -> None:
    checked = 0
    for page, body in blocks("json"):
        value = json.loads(body)
        book = RecipeBook(OperationSet.installed())
        if "Statement" in value:
            check_policy(value)
        elif "connector.class" in value:
            # Its own test hands it to the connector: tests/engines/test_change_data_capture.py.
            assert all(isinstance(each, str) for each in value.values())
        elif "activation" in value:
            LabelModel.model_validate(value)
        elif "steps" in value:
            book.resolve(value)
        elif all("steps" in each for each in value.values()):
            RecipeBook(OperationSet.installed(), value)
        elif all("argv" in each for each in value.values()):
            read_commands(value)
        else:
            pytest.fail(f"{named(page)}: no recipe, presets, commands, policy or connector")
        checked += 1
    assert checked >= 10


def test_the_examples_are_valid() -> None:
    examples = ROOT / "examples"
    RecipeBook(OperationSet.installed(), json.loads((examples / "presets.json").read_text()))
    assert read_commands(json.loads((examples / "commands.json").read_text()))
    for script in examples.glob("*.py"):
        compile(script.read_text(), str(script), "exec")


def test_every_how_to_is_in_their_index() -> None:
    folder = ROOT / "docs" / "howto"
    linked = LINK.findall((folder / "index.md").read_text())
    assert sorted(linked) == sorted({page.name for page in folder.iterdir()} - {"index.md"})


def test_the_receiver_on_its_page_is_the_one_in_the_examples() -> None:
    (shown,) = (body for page, body in blocks("python") if page.name == "receive-webhooks.md")
    assert shown == (ROOT / "examples" / "webhook_receiver.py").read_text()


def test_every_python_and_toml_block_can_be_read() -> None:
    for page, body in blocks("python"):
        if body.count("\n") > 1:  # a single line may be a part of a table
            compile(textwrap.dedent(body), named(page), "exec")
    for _, body in blocks("toml"):
        tomllib.loads(body)


def test_commands_in_shell_blocks_exist() -> None:
    known = set(app)
    used = set()
    for page, body in blocks("sh"):
        for command, sub in COMMAND.findall(body):
            assert command in known, f"{named(page)}: mediakiln {command}"
            group = app[command]
            if sub and command in {"assets", "dead", "new"}:
                assert sub in set(group), f"{named(page)}: mediakiln {command} {sub}"
            used.add(command)
    assert {"up", "submit", "process", "assets", "run", "dead", "new"} <= used


def test_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = page.read_text()
        asked = set(re.findall(r"^ *make ([a-z-]+)", text, re.MULTILINE))
        asked |= set(re.findall(r"`make ([a-z-]+)`", text))
        assert asked <= targets, named(page)
    assert {"run", "test"} <= targets


def test_the_reference_is_current() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "reference", "--check"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


class _Assets(HTMLParser):
    """Collects what a browser fetches by itself when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") in {"canonical", "next", "prev"}:
            return
        self.found += [given[name] or "" for name in ("src", "srcset", "data") if name in given]
        if tag == "link":
            self.found.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built documentation."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_strictly_and_holds_every_page(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert pages <= built


@pytest.mark.slow
def test_the_site_fetches_nothing_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        assets = _Assets()
        assets.feed(page.read_text())
        outside = [address for address in assets.found if re.match(r"(?:\w+:)?//", address)]
        assert not outside, page.name
        assert assets.found
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet
