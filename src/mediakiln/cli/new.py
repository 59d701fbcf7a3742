"""`mediakiln new operation NAME`."""

import re
import tomllib
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Annotated

from cyclopts import App, Parameter

from mediakiln.cli.skeletons import OPERATION, TEST
from mediakiln.model.errors import AlreadyExists, InvalidRequest
from mediakiln.model.kind import Kind
from mediakiln.ports.operation import ENTRY_POINT_GROUP

app = App(name="new", help="Begin a new operation.")

_NAME = re.compile(r"([a-z0-9]+)\.([a-z][a-z0-9_]*)")
_TABLE = f'[project.entry-points."{ENTRY_POINT_GROUP}"]'
_MEDIA = {
    Kind.IMAGE: ("image/*", "image/png"),
    Kind.DOCUMENT: ("text/*", "text/plain"),
    Kind.MODEL3D: ("model/*", "model/stl"),
    Kind.VIDEO: ("video/*", "video/mp4"),
    Kind.AUDIO: ("audio/*", "audio/wav"),
}
"""What the skeleton accepts, and what its test calls its sample."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where a new operation goes."""

    kind: Kind
    verb: str
    module: str
    code: Path
    test: Path

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.verb}"


@app.command
def operation(
    name: Annotated[str, Parameter(help="kind.verb, such as image.invert.")],
    /,
    *,
    folder: Annotated[Path, Parameter(help="The project, where pyproject.toml is.")] = Path(),
) -> None:
    """Write an operation that works, its test, and its entry point.

    Inside mediakiln's own checkout it goes to `operations/KIND/`, in any other project to the
    project's package.
    """
    plan = _plan(name, folder)
    pyproject = folder / "pyproject.toml"
    entries = with_entry_point(pyproject.read_text(), plan.name, f"{plan.module}:{plan.verb}")
    words = _words(plan)
    for path in (plan.code, plan.test):
        if path.exists():
            raise AlreadyExists(f"{path} is there already", hint="choose another name")
    for path, skeleton in ((plan.code, OPERATION), (plan.test, TEST)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(skeleton).substitute(words))
        print(f"wrote {path}")
    pyproject.write_text(entries)
    print(f"added {plan.name} to {pyproject}")
    print(f"\nInstall it (here: make setup), then: python -m pytest {plan.test}")


def _plan(name: str, folder: Path) -> _Plan:
    """Check the name, and find the place.

    Raises:
        InvalidRequest: the name is not one, or the folder is no project's.
    """
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in set(Kind) or iskeyword(found[2]):
        raise InvalidRequest(
            f"{name!r} is not kind.verb", hint=f"kinds are {', '.join(Kind)}; as in image.invert"
        )
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(
            f"{folder / 'pyproject.toml'} is not a project's: {error}", hint="give --folder"
        ) from None
    kind, verb = Kind(found[1]), found[2]
    package = str(project).replace("-", "_")
    own = package == "mediakiln"
    module = f"{package}.operations.{kind}.{verb}" if own else f"{package}.{kind}_{verb}"
    tests = folder / "tests" / ("contract" if own else "")
    return _Plan(
        kind=kind,
        verb=verb,
        module=module,
        code=folder / "src" / Path(*module.split(".")).with_suffix(".py"),
        test=tests / f"test_operation_{kind}_{verb}.py",
    )


def _words(plan: _Plan) -> dict[str, str]:
    accepts, media_type = _MEDIA[plan.kind]
    camel = "".join(part.capitalize() for part in plan.verb.split("_"))
    return {
        "name": plan.name,
        "kind": plan.kind.name,
        "verb": plan.verb,
        "module": plan.module,
        "params": f"{camel}Params",
        "test": f"Test{plan.kind.capitalize()}{camel}",
        "accepts": accepts,
        "media_type": media_type,
    }


def with_entry_point(text: str, name: str, target: str) -> str:
    """A pyproject.toml with one more operation, in alphabetical order.

    Raises:
        AlreadyExists: the name is in it.
    """
    line = f'"{name}" = "{target}"'
    lines = text.rstrip("\n").split("\n")
    if _TABLE not in lines:
        lines += ["", _TABLE]
    start = end = lines.index(_TABLE) + 1
    while end < len(lines) and lines[end].startswith('"'):
        end += 1
    entries = lines[start:end]
    if any(entry.startswith(f'"{name}"') for entry in entries):
        raise AlreadyExists(f"{name} has an entry point already", hint="choose another name")
    return "\n".join([*lines[:start], *sorted([*entries, line]), *lines[end:]]) + "\n"
