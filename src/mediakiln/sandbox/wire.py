"""What passes between the runner and its children: frames of JSON behind a 4-byte length.

A child is not trusted once it has touched a file, so nothing from it is unpickled, a frame has
a greatest size, and the runner checks every field it uses.
"""

import dataclasses
import json
import struct
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mediakiln.model.errors import MediakilnError, OperationFailed
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Limits, Task, Work

MAX_FRAME_BYTES = 4 * 1024 * 1024
MAX_CONTROL_BYTES = 64 * 1024
"""Of a message between the runner and the zygote, on their packet socket."""
PRIVATE_FOLDER = ".runner"
"""Inside the scratch folder: temporary files, and what the job and its programs print."""
OUTPUT_FILE = f"{PRIVATE_FOLDER}/output.log"
_MAX_MESSAGE_CHARS = 2_000
_MAX_CONTEXT_CHARS = 8_000
_STEERING = frozenset({"Cc", "Cf", "Cs"})
HEADER = struct.Struct(">I")


def frame(message: Mapping[str, Any]) -> bytes:
    """Encode a message.

    Raises:
        OperationFailed: it is larger than 4 MiB, or holds what JSON cannot.
    """
    try:
        body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise OperationFailed(f"the operation's metadata is not plain JSON: {error}") from None
    if len(body) > MAX_FRAME_BYTES:
        raise OperationFailed(
            f"the operation reported {len(body):,} bytes about its products; "
            f"at most {MAX_FRAME_BYTES:,} are taken",
            limit=MAX_FRAME_BYTES,
            value=len(body),
        )
    return HEADER.pack(len(body)) + body


def encode_work(work: Work, jobs: int = 1) -> bytes:
    """A job as the child receives it; the table of commands, the same for all tasks, goes once.

    `jobs` is how many such the child is to do, this one included; it asks for the others.
    """
    commands = {name: each for task in work.tasks for name, each in task.context.commands.items()}
    return frame(
        {
            "jobs": jobs,
            "scratch": str(work.scratch.absolute()),
            "readable": [str(path.absolute()) for path in work.readable],
            "tasks": [_encode_task(task) for task in work.tasks],
            "commands": commands,
        }
    )


def _encode_task(task: Task) -> dict[str, Any]:
    context = dataclasses.asdict(dataclasses.replace(task.context, commands={}))
    del context["commands"], context["ask"]
    context["inputs"] = {id: str(path.absolute()) for id, path in task.context.inputs.items()}
    return {
        "name": task.name,
        "operation": task.operation,
        "params": task.params,
        "out": str(task.out.absolute()),
        "context": context,
        "limits": dataclasses.asdict(task.limits),
        "source": None if task.source is None else str(task.source.absolute()),
        "parent": task.parent,
        "parent_file": task.parent_file,
    }


def decode_work(message: Mapping[str, Any]) -> Work:
    """The inverse of `encode_work`, in the child."""
    return Work(
        project="",
        scratch=Path(message["scratch"]),
        readable=tuple(Path(path) for path in message["readable"]),
        tasks=tuple(_decode_task(task, message["commands"]) for task in message["tasks"]),
    )


def _decode_task(task: Mapping[str, Any], commands: Mapping[str, Any]) -> Task:
    inputs = {id: Path(path) for id, path in task["context"]["inputs"].items()}
    return Task(
        name=task["name"],
        operation=task["operation"],
        params=task["params"],
        out=Path(task["out"]),
        context=Context(**{**task["context"], "inputs": inputs}, commands=commands),
        limits=Limits(**task["limits"]),
        source=None if task["source"] is None else Path(task["source"]),
        parent=task["parent"],
        parent_file=task["parent_file"],
    )


def encode_error(error: MediakilnError) -> dict[str, Any]:
    """An error with its context, cut to a size that a record can keep."""
    context = json.loads(json.dumps(error.context, default=str))
    return {
        "code": error.code,
        "message": error.message[:_MAX_MESSAGE_CHARS],
        "context": _bounded(context),
    }


def _bounded(context: Any) -> dict[str, Any]:
    """An error's context, or none where it is too long."""
    long = not isinstance(context, dict) or len(json.dumps(context)) > _MAX_CONTEXT_CHARS
    return {} if long else {str(key): value for key, value in context.items()}


def decode_error(raw: Mapping[str, Any]) -> MediakilnError:
    """The error a child reported; a code this process does not know is `OperationFailed`."""
    code = str(raw.get("code"))
    message = printable(str(raw.get("message"))[:_MAX_MESSAGE_CHARS])
    fields = {
        key: printable(value) if isinstance(value, str) else value
        for key, value in _bounded(raw.get("context")).items()
    }
    fields.pop("message", None)
    for known in _tree(MediakilnError):
        if known.code == code:
            return known(message, **fields)
    return OperationFailed(message, **fields | {"reported": code})


def printable(text: str) -> str:
    """A child's words for logs and records: no character of theirs steers a terminal."""
    return "".join(
        each
        if each in "\n\t" or unicodedata.category(each) not in _STEERING
        else "\N{REPLACEMENT CHARACTER}"
        for each in text
    )


def _tree(root: type[MediakilnError]) -> Iterator[type[MediakilnError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)
