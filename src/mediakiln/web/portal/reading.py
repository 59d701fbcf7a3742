"""What can be looked at: the front page, an asset's page, and the parts of them that change."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidRequest, NotFound
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import Page
from mediakiln.stages.search import Question
from mediakiln.web.access import allowed
from mediakiln.web.api.views import asset_view
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.portal.addressing import addressing
from mediakiln.web.portal.pages import Pages
from mediakiln.web.portal.pictures import Pictures
from mediakiln.web.portal.sheet import Sheet
from mediakiln.web.portal.shown import Shown, shown
from mediakiln.web.portal.snippets import with_texts
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url

PER_PAGE = 20
_LOOKS = 5
"""Pages without an answer that one search may go through."""
_NOTICES = {"deleted": "The file is deleted. Links to it no longer work."}


class Reading:
    """The handlers that change nothing."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._downloads = Downloads(services.deliver, public=False)

    async def home(self, request: Request) -> Response:
        """`GET /`: the drop zone and the latest assets, or those with the words searched for."""
        project = allowed(request.scope, Scope.READ).project
        query = request.query_params
        state, kind = _state(query.get("state")), _kind(query.get("kind"))
        cursor, q = query.get("cursor") or None, query.get("q", "").strip()
        wrong = _wrong(q)
        chosen: dict[str, Any] = {"state": state, "kind": kind, "limit": PER_PAGE}
        if wrong:
            page = Page([], None)
        elif q:
            page = await self._search(project, q, cursor, chosen)
        else:
            page = await self._services.catalog.list(project, cursor=cursor, **chosen)
        assets = [
            await self._shown(request, asset)
            for asset in page.assets
            if asset.state is not AssetState.DELETING
        ]
        return self._pages.answer(
            "home.html",
            status=400 if wrong else 200,
            q=q,
            wrong=wrong,
            assets=assets,
            cursor=page.cursor,
            first=cursor is None,
            state=state,
            kind=kind,
            notice=_NOTICES.get(query.get("notice", "")),
            **self._common(request),
        )

    async def _search(
        self, project: str, q: str, cursor: str | None, chosen: dict[str, Any]
    ) -> Page:
        """The next page with an answer on it, if there is one not too far away."""
        page = Page([], cursor)
        for _ in range(_LOOKS):
            page = await self._services.search.find(project, q, cursor=page.cursor, **chosen)
            if page.assets or page.cursor is None:
                break
        return page

    async def detail(self, request: Request) -> Response:
        """`GET /assets/{id}`."""
        return await self._one(request, "asset.html", whole=True)

    async def panel(self, request: Request) -> Response:
        """`GET /assets/{id}/panel`: everything of one asset."""
        return await self._one(request, "parts/panel.html")

    async def row(self, request: Request) -> Response:
        """`GET /assets/{id}/row`: its line in the list."""
        item = await self._shown(request, await self._asset(request))
        return self._pages.answer("parts/row.html", item=item)

    async def sheet(self, request: Request) -> Response:
        """`GET /assets/{id}/sheet`: an original PDF that a page of ours may frame."""
        asset = await self._asset(request)
        found = Downloads.match(f"/v1/assets/{asset.id}/original")
        if found is None or asset.media_type != "application/pdf":
            raise NotFound("the asset is no PDF")
        return Sheet(self._downloads, found)

    async def one_slash(self, request: Request) -> Response:
        """`GET /assets`: the list is on the front page."""
        return RedirectResponse(f"/?{request.url.query}".rstrip("?"), 308)

    async def _one(self, request: Request, template: str, *, whole: bool = False) -> Response:
        """An asset by a template; a `whole` page offers addresses of its images, too."""
        asset = await self._asset(request)
        item = await with_texts(await self._shown(request, asset), self._services.deliver)
        principal = allowed(request.scope, Scope.READ)
        images = addressing(self._services, principal, item.asset) if whole else None
        return self._pages.answer(template, item=item, images=images, **self._common(request))

    async def _asset(self, request: Request) -> Asset:
        project = allowed(request.scope, Scope.READ).project
        return await self._services.deliver.asset(request.path_params["id"], project=project)

    async def _shown(self, request: Request, asset: Asset) -> Shown:
        base = base_url(request.scope, self._services)
        view = await asset_view(asset, self._services.deliver, base)
        principal = allowed(request.scope, Scope.READ)
        return shown(asset, view, Pictures.of(self._services, principal))

    def _common(self, request: Request) -> dict[str, Any]:
        return {
            "base": base_url(request.scope, self._services),
            "recipes": [(name, list(recipe.steps)) for name, recipe in self._services.recipes],
            "max_bytes": self._services.max_upload_bytes,
            "keyed": self._services.owner_key is not None,
            "public": self._services.delivery_public or self._services.owner_key is None,
        }


def _wrong(q: str) -> str:
    """What is wrong with a search, for people; empty if nothing is."""
    try:
        if q:
            Question.of(q)
    except InvalidRequest as error:
        return f"{error.message[:1].upper()}{error.message[1:]}."
    return ""


def _state(given: str | None) -> AssetState | None:
    if not given:
        return None
    try:
        return AssetState(given)
    except ValueError:
        raise InvalidRequest(
            "there is no such state", field="state", allowed=list(AssetState)
        ) from None


def _kind(given: str | None) -> Kind | None:
    if not given:
        return None
    try:
        return Kind(given)
    except ValueError:
        raise InvalidRequest("there is no such kind", field="kind", allowed=list(Kind)) from None
