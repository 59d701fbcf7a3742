"""Whom a request comes from, as the door found out, what that allows, and the trail it leaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Scope as Asgi

from mediakiln.model.access import Principal, Scope
from mediakiln.model.errors import Forbidden, Unauthorised
from mediakiln.model.ids import is_id
from mediakiln.model.upload import Offer
from mediakiln.stages.access.audit import NOBODY
from mediakiln.stages.recipes import RecipeBook
from mediakiln.stages.uploads.book import no_upload
from mediakiln.web.services import Services

PRINCIPAL: Final = "mediakiln.principal"
"""Where the door leaves the principal in a request's scope."""
REQUEST: Final = "mediakiln.request"
"""Where it leaves the request's id."""


def allowed(request: Asgi, scope: Scope) -> Principal:
    """The principal of a request that needs `scope`.

    Raises:
        Unauthorised: nobody is known.
        Forbidden: its key does not allow this.
    """
    principal = request.get(PRINCIPAL)
    if not isinstance(principal, Principal):
        raise Unauthorised
    if not principal.may(scope):
        raise Forbidden(
            f"this needs the scope {scope.value!r}",
            allowed=sorted(each.value for each in principal.scopes),
        )
    return principal


async def continued(request: Asgi, services: Services, id: str) -> Principal:
    """The principal of a request that goes on with an upload, looks at it or ends it.

    An upload token sees no uploads but its own. It costs tokens alone a read of the catalog.

    Raises:
        Unauthorised, Forbidden: as `allowed`.
        NotFound: it is not this token's upload; an id that is nobody's is told the same.
    """
    principal = allowed(request, Scope.UPLOAD)
    if principal.limits is not None and is_id(id):
        upload = await services.multipart.book.find(principal.project, id)
        if upload is not None and not principal.may_continue(upload.by):
            raise no_upload(id)
    return principal


def administered(request: Asgi) -> str | None:
    """The project whose affairs a request may see to; None: every project's.

    Raises:
        Unauthorised, Forbidden: as `allowed`.
    """
    principal = allowed(request, Scope.ADMIN)
    return None if principal.is_owner else principal.project


def constrained(principal: Principal, offer: Offer, recipes: RecipeBook) -> Offer:
    """What an upload is once its principal's project, uploader and limits are applied.

    Every way in calls this before any byte is taken. What the finished file must keep to stays
    with the offer, and `Receive` checks it by the bytes.

    Raises:
        TooLarge, UnsupportedMedia: the announced size, or the declared type, is none that the
            principal may upload.
        UnknownRecipe: the recipe of its token is no preset any more.
    """
    limits = principal.limits
    fixed = None if limits is None else limits.recipe
    if limits is not None:
        limits.check_declared(offer.declared_type)
        if offer.size is not None:
            limits.check_size(offer.size)
    return replace(
        offer,
        project=principal.project,
        uploader=offer.uploader if principal.uploader is None else principal.uploader,
        recipe=offer.recipe if fixed is None else recipes.resolve(fixed),
        limits=limits,
        counted=principal.account if principal.quota is not None else "",
    )


@asynccontextmanager
async def counted(principal: Principal, services: Services) -> AsyncIterator[None]:
    """Count one file against the principal's token; not if nothing comes of it.

    Raises:
        Forbidden: the token was good for so many files, and they are there.
    """
    await services.access.tokens.spend(principal)
    try:
        yield
    except BaseException:
        await services.access.tokens.refund(principal)
        raise


async def noted(
    request: Asgi,
    services: Services,
    what: str,
    subject: str,
    *,
    project: str | None = None,
    **detail: Any,
) -> None:
    """Write what a request did to the audit trail of a project, by default the principal's."""
    principal: Principal | None = request.get(PRINCIPAL)
    own = NOBODY if principal is None else principal.project
    await services.access.audit.note(
        what,
        project=own if project is None else project,
        who=NOBODY if principal is None else principal.id,
        subject=subject,
        address=client_address(request, trust_proxy=services.trust_proxy),
        request=request.get(REQUEST, ""),
        detail=detail,
    )


def client_address(request: Asgi, *, trust_proxy: bool) -> str:
    """The client's address; behind a trusted proxy the one that the proxy saw."""
    if trust_proxy and (told := Headers(scope=request).get("x-forwarded-for")):
        # Each proxy adds its own client at the end; what stands before may be anybody's word.
        return told.rpartition(",")[2].strip()[:64]
    client = request.get("client")
    return "" if client is None else str(client[0])
