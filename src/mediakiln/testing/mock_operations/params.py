"""Parameters of the mock operations, and what else they share."""

from typing import Any

from pydantic import Field

from mediakiln.ports.operation import Params

ANY: dict[str, Any] = {"accepts": ["*"], "produces": ["application/octet-stream"]}
TEXT: dict[str, Any] = {"accepts": ["*"], "produces": ["text/plain"]}
MIB = 1024 * 1024


class Nothing(Params):
    """No parameters."""


class CopyParams(Params):
    """Of mock.copy."""

    file: str = Field(default="copy", description="The product's name.")
    times: int = Field(default=1, ge=0, description="How many products; later ones get a number.")
    media_type: str = Field(default="application/octet-stream", description="The products' type.")
    metadata_bytes: int = Field(default=0, ge=0, description="Size of a note in the metadata.")
    print_bytes: int = Field(default=0, ge=0, description="How much to print to standard error.")


class Seconds(Params):
    """A duration."""

    seconds: float = Field(default=1.0, ge=0, description="In seconds.")


class Megabytes(Params):
    """An amount."""

    mb: int = Field(default=1024, ge=0, description="In MiB.")
    where: str = Field(default="here", description="here, program, or unlinked.")


class Count(Params):
    """A number of things."""

    count: int = Field(default=500, ge=1, le=2000, description="How many.")


class PathParams(Params):
    """A path."""

    path: str = Field(description="An absolute path, or one relative to the product folder.")


class Port(Params):
    """An address to reach."""

    port: int = Field(default=0, ge=0, le=65535, description="TCP port on 127.0.0.1.")
    socket: str = Field(default="", description="Path of a unix socket, instead of the port.")


class Message(Params):
    """Words for an error."""

    message: str = Field(default="as told", description="The error's message.")


class Status(Params):
    """An exit status."""

    status: int = Field(default=3, ge=0, le=255, description="What the process exits with.")


class Marker(Params):
    """A word to be found by."""

    marker: str = Field(description="Stands in the command line of the program it starts.")


class Question(Params):
    """Of mock.ask."""

    model: str = Field(default="m", description="Who is asked.")
    file: str = Field(default="", description="What about; by default a copy of the source.")
    times: int = Field(default=1, ge=1, le=100, description="How often.")


class Flaky(Params):
    """Of mock.flaky."""

    marker: str = Field(description="A file that exists from the second attempt on.")


class Tampering(Params):
    """Of mock.tamper."""

    target: str = Field(description="The file or folder, relative to the product folder.")
    link: str = Field(default="", description="Where a link in its place leads to.")
    bytes: str = Field(default="", description="Other bytes for it, instead of a link.")


class Lurking(Params):
    """Of mock.lurk."""

    by: str = Field(description="computing, memory, disk, or program.")
