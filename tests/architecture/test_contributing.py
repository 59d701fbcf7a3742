"""The recipes of CONTRIBUTING.md for engines and roles, followed word by word in a copy."""

import asyncio
import re
import sys
import textwrap
from pathlib import Path

import pytest

from support.project import ROOT, Project

STEP = re.compile(r"`((?:src|tests)/[^`]+\.py)`[^\n]*\n\n( +)```python\n(.*?)\n\2```", re.DOTALL)
LISTED = re.compile(r'Add `("mediakiln\.[a-z0-9_.]+")` to the import contract')


def recipe(title: str) -> tuple[dict[str, str], str]:
    """The code of each file in a recipe, and the recipe's words."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    words = text.partition(f"## Recipe: {title}\n")[2].partition("\n## ")[0]
    code = {path: textwrap.dedent(body) + "\n" for path, _, body in STEP.findall(words)}
    return code, words


def edit(path: Path, pattern: str, new: str) -> None:
    """Replace what matches, which must be there once."""
    text, count = re.subn(pattern, lambda _: new, path.read_text(), flags=re.MULTILINE)
    assert count == 1, f"{pattern} is {count} times in {path.name}"
    path.write_text(text)


def follow(project: Project, title: str) -> list[str]:
    """Write the recipe's new files and its import contract; returns the new files."""
    code, words = recipe(title)
    module = LISTED.search(words)
    assert module is not None
    sibling = f'"{module[1].strip(chr(34)).rpartition(".")[0]}.'
    pyproject = project.folder / "pyproject.toml"
    first = next(
        line for line in pyproject.read_text().split("\n") if line.strip()[:-2].startswith(sibling)
    )
    edit(pyproject, f"^{re.escape(first)}$", f"  {module[1]},\n{first}")
    new = [path for path in code if not (project.folder / path).exists()]
    for path in new:
        (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / path).write_text(code[path])
    return new


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    return Project.checkout(tmp_path / "copy")


@pytest.mark.slow
def test_the_recipe_for_an_engine_works(checkout: Project) -> None:
    new = follow(checkout, "add an engine")
    table = "src/mediakiln/roles/engines.py"
    code, _ = recipe("add an engine")
    edit(checkout.folder / table, r"^NOTIFIERS = .*\n", code[table])
    assert len(new) == 2
    checkout.lint(*new, table)
    checkout.pytest(new[1])


@pytest.mark.slow
async def test_the_recipe_for_a_role_works(checkout: Project) -> None:
    new = follow(checkout, "add a role")
    code, _ = recipe("add a role")
    topology = "src/mediakiln/model/topology.py"
    edit(
        checkout.folder / topology,
        r'^ +"completed": .*\n',
        textwrap.indent(code[topology], " " * 8),
    )
    edit(
        checkout.folder / "src/mediakiln/roles/table.py",
        r'^    "dead",\n',
        '    "dead",\n    "alarm",\n',
    )
    assert len(new) == 2
    checkout.lint(*new, topology)
    assert "bad_media" in await _log_of_a_failure(checkout)


async def _log_of_a_failure(checkout: Project) -> str:
    """What `up` logs of the role when a file is damaged."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mediakiln", "up", "--port", "0", "--workers", "1"),
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        async with asyncio.timeout(60):
            await server.stdout.readline()
            (checkout.folder / "cut.jpg").write_bytes(
                b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(64)
            )
            await asyncio.to_thread(checkout.run, "mediakiln", "submit", "cut.jpg", "--wait")
            while b"cut.jpg" not in (line := await server.stderr.readline()):
                assert line, "the server ended"
            return line.decode()
    finally:
        server.terminate()
        await server.communicate()
