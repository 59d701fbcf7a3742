"""The page in a real browser, on a real platform that runs beside the tests."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from mediakiln import Client
from mediakiln.cli.asking import asked
from support.browser import chromium
from support.platform import Platform, platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a key."""
    with platform(tmp_path_factory.mktemp("portal"), auth=True) as made:
        yield made


@pytest.fixture
def client(locked: Platform) -> Iterator[Client]:
    """A program that uses the same platform."""
    with locked.client() as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium as the machine has it."""
    with chromium() as made:
        yield made


@dataclass
class Visit:
    """A browser window, and everything it did that it should not have done."""

    page: "Page"
    platform: Platform
    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    """Patterns of console messages that this visit is about."""

    @property
    def key(self) -> str:
        """The owner's key."""
        return (self.platform.data / "owner.key").read_text().strip()

    def open(self, path: str) -> "Page":
        self.page.goto(self.platform.url + path)
        return self.page

    def sign_in(self) -> "Page":
        made = asked(self.platform.url, self.key, "POST", "/v1/signin")
        link = urlsplit(made["url"])
        return self.open(f"{link.path}?{link.query}")

    def watch(self) -> None:
        home = urlsplit(self.platform.url).netloc

        def asked(request: "Request") -> None:
            parts = urlsplit(request.url)
            if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != home:
                self.faults.append(f"asked another host: {request.url}")

        self.page.on("request", asked)
        self.page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        self.page.on("console", lambda said: self._note(said.type, said.text))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(re.search(p, text) for p in self.allowed):
            self.faults.append(f"console {kind}: {text}")


OpenVisit = Callable[..., Visit]


@pytest.fixture
def visit(browser: "Browser", locked: Platform) -> Iterator[OpenVisit]:
    """Opens windows; fails the test if one has errors, or asks any other host for anything."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def opened(*, allowed: tuple[str, ...] = (), **options: Any) -> Visit:
            context = browser.new_context(**options)
            stack.callback(context.close)
            visits.append(Visit(context.new_page(), locked, allowed=list(allowed)))
            visits[-1].watch()
            return visits[-1]

        yield opened
    assert [fault for one in visits for fault in one.faults] == []
