"""The operator's table of commands: what may be run, with what, and what it makes.

```json
{"sketch": {"argv": ["sketch", "--size", "{size}", "{source}", "-o", "{out}/result.png"],
            "produces": [{"file": "result.png", "media_type": "image/png"}],
            "accepts": ["image/*"],
            "options": {"size": {"pattern": "[0-9]{1,4}", "default": "100"}}}}
```
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mediakiln.model.errors import EngineMisconfigured

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")
"""`{name}` in an argument; `{{` and `}}` are braces."""
BUILT_IN = frozenset({"source", "named", "out"})
MAX_VALUE_CHARS = 1_000


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Output(_Strict):
    """A file, or files, that the command writes to its `{out}` folder."""

    file: str = Field(description="Path below {out}; *, ? and [] match several files.")
    media_type: str = Field(pattern=r"[a-z0-9.+-]+/[a-z0-9.+-]+", description="Of each file.")
    optional: bool = Field(default=False, description="Whether the command may leave it out.")

    @field_validator("file")
    @classmethod
    def _stays_below(cls, file: str) -> str:
        parts = PurePosixPath(file).parts
        if not parts or file.startswith("/") or ".." in parts:
            raise ValueError("must be a path below the {out} folder")
        return file


class Option(_Strict):
    """A value that a recipe may set."""

    pattern: str = Field(description="Regular expression that the whole value must match.")
    default: str | None = Field(default=None, description="Without one, a recipe must set it.")
    description: str = ""

    @model_validator(mode="after")
    def _default_matches(self) -> Self:
        try:
            wanted = re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"the pattern {self.pattern!r} is wrong: {error}") from None
        if self.default is not None and not wanted.fullmatch(self.default):
            raise ValueError(f"the default {self.default!r} does not match {self.pattern!r}")
        return self

    def takes(self, value: str) -> bool:
        """Whether a recipe may set this value."""
        return len(value) <= MAX_VALUE_CHARS and re.fullmatch(self.pattern, value) is not None


class Command(_Strict):
    """A program with its arguments, in which `{source}`, `{named}`, `{out}` and options stand.

    `{named}` is the source under a name with the upload's extension, for programs that go by
    it. No shell is involved: one element is one argument, whatever is put into it.
    """

    argv: tuple[str, ...] = Field(min_length=1, description="The program and its arguments.")
    produces: tuple[Output, ...] = Field(min_length=1, description="What it makes.")
    accepts: tuple[str, ...] = Field(default=("*",), description="Media types, as image/*.")
    options: dict[str, Option] = Field(default_factory=dict, description="By placeholder name.")

    @model_validator(mode="after")
    def _placeholders_are_known(self) -> Self:
        if BUILT_IN & self.options.keys():
            raise ValueError(f"{', '.join(sorted(BUILT_IN))} are no names for options")
        if PLACEHOLDER.search(self.argv[0]):
            raise ValueError("the program itself cannot be a placeholder")
        used = {name for part in self.argv for name in PLACEHOLDER.findall(part) if name}
        if unknown := used - BUILT_IN - self.options.keys():
            raise ValueError(f"{{{min(unknown)}}} is neither built in nor an option")
        return self


def read_commands(table: Mapping[str, Any]) -> dict[str, Command]:
    """Validate the operator's table.

    Raises:
        EngineMisconfigured: names the command and the field.
    """
    commands = {}
    for name, entry in table.items():
        try:
            commands[name] = Command.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "command"
            raise EngineMisconfigured(
                f"custom command {name!r}: {where}: {first['msg']}", field=f"{name}.{where}"
            ) from None
    return commands
