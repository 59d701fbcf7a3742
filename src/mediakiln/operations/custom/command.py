"""`custom.command`: run a program that the operator has configured, for what no package covers."""

import fnmatch
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from mediakiln.model.errors import CommandFailed, InvalidRecipe, UnsupportedMedia
from mediakiln.model.product import Product
from mediakiln.operations.custom.config import PLACEHOLDER, Command, Output, read_commands
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

_TAIL_CHARS = 1_000
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,12}")


class CommandParams(Params):
    """Which command, and what to set."""

    command: str = Field(description="The name of a command that the operator has configured.")
    args: dict[str, str] = Field(
        default_factory=dict, description="Values of the command's options, by their names."
    )


@operation(
    "custom.command",
    None,
    accepts=["*"],
    produces=["*/*"],
    capabilities=OperationCapabilities(wall_s=120.0, configured=True),
    check=lambda params, commands: option_values(_named(params.command, commands), params),
)
def command(
    source: Path, params: CommandParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Run a program that the operator has configured.

    Raises:
        InvalidRecipe: there is no such command or option, or a value is not allowed.
        UnsupportedMedia: the command does not take this type of file.
        CommandFailed: it could not be started, failed, or left out a file it should make.
    """
    chosen = _choose(params.command, context)
    values = option_values(chosen, params)
    with tempfile.TemporaryDirectory(prefix="command-") as folder:
        named = Path(folder) / f"source{_extension(context.name)}"
        named.symlink_to(source)
        places = {"source": str(source), "named": str(named), "out": str(out)}
        _run(params.command, fill(chosen, values | places), out)
    for output in chosen.produces:
        yield from _collect(params.command, output, out)


def _named(name: str, commands: Mapping[str, Any]) -> Command:
    if name not in commands:
        raise InvalidRecipe(
            f"there is no command {name!r}", field="command", allowed=sorted(commands)
        )
    return read_commands({name: commands[name]})[name]


def _choose(name: str, context: Context) -> Command:
    chosen = _named(name, context.commands)
    if not any(fnmatch.fnmatchcase(context.media_type, each) for each in chosen.accepts):
        raise UnsupportedMedia(
            f"the command {name!r} does not take {context.media_type}",
            allowed=list(chosen.accepts),
        )
    return chosen


def option_values(chosen: Command, params: CommandParams) -> dict[str, str]:
    """Every option's value: as set, or its default.

    Raises:
        InvalidRecipe: an option is unknown or missing, or its value does not match its pattern.
    """
    if unknown := params.args.keys() - chosen.options.keys():
        raise InvalidRecipe(
            f"the command {params.command!r} has no option {min(unknown)!r}",
            field="args",
            allowed=sorted(chosen.options),
        )
    values = {}
    for name, option in chosen.options.items():
        value = params.args.get(name, option.default)
        if value is None or not option.takes(value):
            given = "is missing" if value is None else f"cannot be {value!r:.100}"
            raise InvalidRecipe(
                f"the option {name!r} of the command {params.command!r} {given}",
                field=f"args.{name}",
                allowed=option.pattern,
            )
        values[name] = value
    return values


def fill(chosen: Command, values: Mapping[str, str]) -> list[str]:
    """The command's arguments with every placeholder replaced; values are never looked at again."""

    def replace(match: re.Match[str]) -> str:
        return values[match[1]] if match[1] else match[0][0]

    return [PLACEHOLDER.sub(replace, part) for part in chosen.argv]


def _extension(name: str) -> str:
    suffix = Path(name).suffix
    return suffix if _EXTENSION.fullmatch(suffix) else ""


def _run(name: str, argv: list[str], out: Path) -> None:
    """Run it in `out`, with what it prints kept in a file: a pipe would have to hold all of it."""
    with tempfile.TemporaryFile() as printed:
        try:
            status = subprocess.run(
                argv,
                cwd=out,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except OSError as error:
            raise CommandFailed(
                f"the command {name!r} cannot be started: {argv[0]}: {error.strerror}",
                command=name,
                hint="install the program, or correct its path in the table of commands",
            ) from error
        if status == 0:
            return
        printed.seek(max(0, printed.seek(0, os.SEEK_END) - 4 * _TAIL_CHARS))
        tail = printed.read().decode(errors="replace").strip()[-_TAIL_CHARS:]
    ending = f"status {status}" if status > 0 else signal.Signals(-status).name
    raise CommandFailed(
        f"the command {name!r} ended with {ending}: {tail}",
        command=name,
        status=status,
        stderr=tail,
    )


def _collect(name: str, output: Output, out: Path) -> Iterator[Product]:
    found = sorted(path for path in out.glob(output.file) if path.is_file())
    if not found and not output.optional:
        raise CommandFailed(f"the command {name!r} made no {output.file}", command=name)
    for path in found:
        yield Product(file=path.relative_to(out).as_posix(), media_type=output.media_type)
