"""Templates to answers, each under a policy that lets nothing in but our own files."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from mediakiln.model.kind import AssetState, Kind
from mediakiln.stages.search import MOST_CHARS
from mediakiln.web.portal import words
from mediakiln.web.portal.shown import state_word
from mediakiln.web.portal.static_files import StaticFiles

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; "
    # The browser itself refuses to make markup of a string.
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "private, no-cache",
    # Without it browsers send `Origin: null` with forms, and no server could tell ours.
    "Referrer-Policy": "same-origin",
}


class Pages:
    """Renders templates; every value is escaped."""

    def __init__(self, static: StaticFiles, *, signed: bool) -> None:
        """`signed`: visitors come in with a key, so they can also sign out."""
        self._environment = Environment(
            loader=PackageLoader("mediakiln.web.portal"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            size=words.size, seconds=words.seconds, state_word=state_word
        )
        self._environment.globals.update(
            static=static.url,
            signed=signed,
            states=[state for state in AssetState if state is not AssetState.DELETING],
            kinds=list(Kind),
            front=front,
            most_asked=MOST_CHARS,
        )

    def answer(
        self,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """A template with its values, as an answer."""
        html = self._environment.get_template(template).render(**values)
        return HTMLResponse(html, status, headers={**_HEADERS, **(headers or {})})


def front(**chosen: str | None) -> str:
    """The address of the front page with what was chosen on it; None and "" choose nothing."""
    given = {name: value for name, value in chosen.items() if value}
    return f"/?{urlencode(given)}" if given else "/"
