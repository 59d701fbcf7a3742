"""Projects in scratch folders whose packages are importable as if they were installed."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Project:
    """A folder with a pyproject.toml and a package below src/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PYTHONPATH": str(folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @classmethod
    def checkout(cls, folder: Path) -> "Project":
        """A copy of mediakiln's sources, installed."""
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / "tests").mkdir()
        project = cls(folder)
        project.install()
        return project

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m ARGUMENTS` in the folder."""
        return self.python("-m", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python ARGUMENTS` in the folder."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def pytest(self, *paths: str) -> None:
        """Run tests, which must be there and pass."""
        tested = self.run("pytest", "-p", "no:cacheprovider", *paths)
        assert tested.returncode == 0, tested.stdout + tested.stderr

    def lint(self, *paths: str) -> None:
        """Hold files to the house style, import directions included."""
        for gate in (("check",), ("format", "--check")):
            linted = self.run("ruff", *gate, "--no-cache", *paths)
            assert linted.returncode == 0, linted.stdout + linted.stderr
        imports = self.python(
            "-c", "from importlinter.cli import lint_imports_command as check; check()"
        )
        assert imports.returncode == 0, imports.stdout

    def install(self) -> None:
        """Write what an installer writes: the package's metadata with its entry points."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        meta = self.folder / "src" / f"{project['name']}-{project['version']}.dist-info"
        meta.mkdir(exist_ok=True)
        meta.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        lines = []
        for group, entries in project.get("entry-points", {}).items():
            lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
        meta.joinpath("entry_points.txt").write_text("\n".join(lines))
