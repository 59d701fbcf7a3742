"""What can be done: upload, process again, delete, sign in and out; plain forms suffice for all."""

from contextlib import aclosing
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from mediakiln.model.access import Scope
from mediakiln.model.errors import InvalidRequest, NotFound, TooLarge
from mediakiln.model.ids import is_id
from mediakiln.web.access import allowed, noted
from mediakiln.web.api.signin import signed_in
from mediakiln.web.auth import COOKIE, Auth
from mediakiln.web.bodies import stream_body
from mediakiln.web.portal.pages import Pages
from mediakiln.web.services import Services
from mediakiln.web.upload.intake import Said, Several, take_in

_MAX_FORM_BYTES: Final = 64 * 1024


class Acting:
    """The handlers that change something; each answers with where to look next."""

    def __init__(self, services: Services, pages: Pages, auth: Auth) -> None:
        self._services = services
        self._pages = pages
        self._auth = auth

    async def upload(self, request: Request) -> Response:
        """`POST /assets` with a form that holds a file, or several."""
        found = await take_in(request, Said(), self._services)
        return _see("/" if isinstance(found, Several) else f"/assets/{found.id}")

    async def process(self, request: Request) -> Response:
        """`POST /assets/{id}/process` with `recipe`: a preset's name, JSON, or nothing."""
        project = allowed(request.scope, Scope.PROCESS).project
        id = _known(request)
        given = (await _fields(request)).get("recipe", "")
        recipe = self._services.recipes.resolve(given.strip())
        asset = await self._services.manage.process_again(id, recipe, project=project)
        self._services.deliver.forget(id)
        await noted(request.scope, self._services, "asset.processed", id, run=asset.run)
        return _see(f"/assets/{id}")

    async def delete(self, request: Request) -> Response:
        """`POST /assets/{id}/delete`."""
        project = allowed(request.scope, Scope.DELETE).project
        id = _known(request)
        await self._services.manage.delete(id, project=project)
        self._services.deliver.forget(id)
        await noted(request.scope, self._services, "asset.deleted", id)
        return _see("/?notice=deleted")

    async def check_recipe(self, request: Request) -> Response:
        """`POST /recipes/check` with a recipe's JSON: its steps, or what is wrong with it.

        Raises:
            InvalidRecipe: names the step, the field and what is allowed.
        """
        allowed(request.scope, Scope.READ)
        text = (await _body(request)).decode("utf-8", "replace")
        recipe = self._services.recipes.resolve(text)
        return JSONResponse({"steps": [] if recipe is None else list(recipe.steps)})

    async def sign_in(self, request: Request) -> Response:
        """`POST /session` with `key`."""
        key = (await _fields(request)).get("key", "").strip()
        if self._services.owner_key is None:
            return _see("/")
        principal = await self._services.access.bearer(key)
        if principal is None or principal.limits is not None:
            return self._pages.answer("signin.html", status=401, wrong=True)
        return await signed_in(request.scope, self._services, principal)

    async def sign_out(self, request: Request) -> Response:
        """`POST /signout`: the session ends, for whoever else has its cookie too."""
        await self._services.access.signin.close(request.cookies.get(COOKIE, ""))
        self._auth.forget()
        answer = _see("/")
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def _see(where: str) -> RedirectResponse:
    return RedirectResponse(where, 303)


def _known(request: Request) -> str:
    id: str = request.path_params["id"]
    if not is_id(id):
        raise NotFound(f"there is no asset {id[:64]!r}")
    return id


async def _fields(request: Request) -> dict[str, str]:
    """A small urlencoded form."""
    body = await _body(request)
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise InvalidRequest(f"the form cannot be read: {error}") from error
    return {name: values[0] for name, values in found.items()}


async def _body(request: Request) -> bytes:
    body = bytearray()
    async with aclosing(stream_body(request.receive)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _MAX_FORM_BYTES:
                raise TooLarge(
                    f"the form is larger than {_MAX_FORM_BYTES} bytes", limit=_MAX_FORM_BYTES
                )
    return bytes(body)
