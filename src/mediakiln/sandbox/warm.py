"""What the zygote has ready before it forks: operations, their libraries, their versions."""

import gc
import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from mediakiln.model.errors import EngineMisconfigured, InvalidRecipe
from mediakiln.ports.operation import ENTRY_POINT_GROUP, Operation

_log = logging.getLogger("mediakiln.sandbox")
_FFMPEG = "imageio-ffmpeg"


def load(reference: str) -> list[Operation]:
    """The operations that `module:ATTRIBUTE` names: one, or an iterable of them.

    Raises:
        InvalidRecipe: it names something else.
        ImportError, AttributeError: it names nothing.
    """
    found = pkgutil.resolve_name(reference)
    items = [found] if isinstance(found, Operation) else list(found)
    if not all(isinstance(item, Operation) for item in items):
        raise InvalidRecipe(f"{reference} does not name operations", field="operations")
    return items


def threads() -> int:
    """How many threads this process has, whoever started them."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def starts_threads(module: str) -> bool:
    """Whether importing `module` starts a thread, tried in a child."""
    pid = os.fork()
    if pid == 0:
        verdict = 1
        try:
            before = threads()
            importlib.import_module(module)
            verdict = 2 if threads() > before else 0
        finally:
            os._exit(verdict)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 2  # noqa: PLR2004 - as exited with above


class Warmth:
    """Loads each operation and library once, on first need, and only what is safe to fork.

    `extra` are references as `load` takes them, beside the installed operations.
    """

    def __init__(self, extra: Sequence[str]) -> None:
        self._operations = {item.name: item for name in extra for item in load(name)}
        if threads() > 1:
            raise EngineMisconfigured(
                f"{', '.join(extra)}: importing this starts a thread, which forks do not survive",
                hint="import the library that does inside the operation's function",
            )
        installed = metadata.entry_points(group=ENTRY_POINT_GROUP)
        self._entries = {entry.name: entry for entry in installed}
        self._tried: set[str] = set()
        self._versions: dict[str, dict[str, str]] = {}

    def prepare(self, names: Iterable[str]) -> None:
        """Make ready for jobs that use these operations; an unknown one is the job's to report."""
        for name in names:
            entry = self._entries.get(name)
            if entry is not None:
                self.preload([entry.module])
            if name not in self._operations and (entry is None or entry.module not in sys.modules):
                continue
            item = self.operation(name)
            self.preload(item.capabilities.preload)
            for tool in item.capabilities.tools:
                if tool not in self._versions:
                    self._versions[tool] = _version(tool)

    def preload(self, modules: Iterable[str]) -> None:
        """Import modules, unless they start a thread: a fork would copy its locks, not it."""
        fresh = [module for module in modules if module not in self._tried]
        self._tried.update(fresh)
        for module in fresh:
            if starts_threads(module):
                _log.warning("%s starts a thread when imported: each job imports it itself", module)
                continue
            try:
                importlib.import_module(module)
            except Exception as error:  # noqa: BLE001 - third-party code may raise anything
                # An extra that is not installed is no fault: the step that needs it names it.
                level = logging.DEBUG if _is_absent(module, error) else logging.WARNING
                _log.log(level, "cannot preload %s: %s", module, error)
        if fresh:
            gc.collect()
            gc.freeze()  # a collection in a child must not touch, and so copy, these pages

    def operation(self, name: str) -> Operation:
        """The operation of that name.

        Raises:
            InvalidRecipe: there is none.
        """
        if name not in self._operations:
            if name not in self._entries:
                raise InvalidRecipe(
                    f"there is no operation {name!r}",
                    field="op",
                    allowed=sorted(self._operations.keys() | self._entries.keys()),
                )
            self._operations[name] = self._entries[name].load()
        return self._operations[name]

    def tools(self, item: Operation) -> dict[str, str]:
        """The versions of what the operation says it uses."""
        versions: dict[str, str] = {}
        for tool in item.capabilities.tools:
            versions |= self._versions.get(tool, {})
        return versions


def _is_absent(module: str, error: Exception) -> bool:
    """Whether it failed because the module itself, or a package it lies in, is not there."""
    return (
        isinstance(error, ModuleNotFoundError)
        and error.name is not None
        and f"{module}.".startswith(f"{error.name}.")
    )


def _version(tool: str) -> dict[str, str]:
    """The installed version of a distribution; with imageio-ffmpeg also FFmpeg's own."""
    try:
        found = {tool: metadata.version(tool)}
    except metadata.PackageNotFoundError:
        return {}
    if tool == _FFMPEG:
        import imageio_ffmpeg

        found["ffmpeg"] = str(imageio_ffmpeg.get_ffmpeg_version())
    return found
