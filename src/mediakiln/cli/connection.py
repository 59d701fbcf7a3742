"""Where the server is, and the errors of talking to it in words."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import httpx2
from cyclopts import Parameter

from mediakiln.client import ApiError, AsyncClient, Client
from mediakiln.client.address import Address
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.settings import Settings

UNREACHABLE = 3
"""Exit code: no server answered."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Server:
    """Which server a command talks to, and about which of its projects.

    An empty project is the key's own, whatever the settings say.
    """

    data: Annotated[Path | None, Parameter(help="The data folder of a local server.")] = None
    project: Annotated[str | None, Parameter(help="The project, for the owner's key.")] = None

    @property
    def settings(self) -> Settings:
        """The settings, with what was given here."""
        return Settings.given(data=self.data, project=self.project)


HERE: Final = Server()
"""The server that the settings name."""


def address(settings: Settings) -> str:
    """MEDIAKILN_URL; else what `up` wrote into the data folder; else the settings' own address."""
    if settings.url:
        return settings.url
    written = settings.data / "address"
    if written.is_file():
        return written.read_text().strip()
    return f"http://{settings.host}:{settings.port}"


def key(settings: Settings) -> str | None:
    """MEDIAKILN_KEY; else the one in MEDIAKILN_URL; else the owner's key from the data folder."""
    if settings.key is not None:
        return settings.key.get_secret_value()
    if settings.url and (inside := _where(settings).key):
        return inside
    path = settings.data / "owner.key"
    try:
        return path.read_text().strip()
    except OSError:
        return None


def project(settings: Settings) -> str | None:
    """MEDIAKILN_PROJECT; else the one in MEDIAKILN_URL; else none, which is the key's own."""
    if settings.project is not None:
        return settings.project
    return _where(settings).project if settings.url else None


@contextmanager
def connected(server: Server = HERE) -> Iterator[Client]:
    """A client; what goes wrong ends the command with a line and an exit code."""
    settings = server.settings
    with (
        explained(settings),
        Client(address(settings), key(settings), project=settings.project) as client,
    ):
        yield client


@asynccontextmanager
async def connected_async(settings: Settings) -> AsyncIterator[AsyncClient]:
    """The same for asyncio."""
    with explained(settings):
        async with AsyncClient(
            address(settings), key(settings), project=settings.project
        ) as client:
            yield client


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Run the body; what goes wrong with the server ends the command in words."""
    where = _where(settings)
    try:
        yield
    except ApiError as error:
        print(f"mediakiln: {error}", file=sys.stderr)
        for name in ("step", "field", "allowed", "limit", "hint"):
            if error.context.get(name):
                print(f"  {name}: {error.context[name]}", file=sys.stderr)
        if error.code == "unauthorised":
            print(
                "  set MEDIAKILN_KEY, or MEDIAKILN_DATA to the folder of the running server",
                file=sys.stderr,
            )
        sys.exit(1)
    except httpx2.TransportError as error:
        print(f"mediakiln: no server at {where.url}: {error}", file=sys.stderr)
        print("  start one with `mediakiln up`, or set MEDIAKILN_URL", file=sys.stderr)
        sys.exit(UNREACHABLE)


def _where(settings: Settings) -> Address:
    """The address, with nothing secret to be shown.

    Raises:
        EngineMisconfigured: MEDIAKILN_URL is none.
    """
    try:
        return Address.of(address(settings), None)
    except ValueError as error:
        raise EngineMisconfigured(
            f"MEDIAKILN_URL: {error}", hint="it is http://KEY@host:port"
        ) from error
