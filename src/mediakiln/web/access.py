"""Who a request comes from, as the door found out, and whether it may do what it asks for."""

from dataclasses import replace
from typing import Final

from starlette.types import Scope as Asgi

from mediakiln.model.access import Principal, Scope
from mediakiln.model.errors import Forbidden, Unauthorised
from mediakiln.model.upload import Offer
from mediakiln.stages.recipes import RecipeBook

PRINCIPAL: Final = "mediakiln.principal"
"""Where the door leaves the principal in a request's scope."""


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


def constrained(principal: Principal, offer: Offer, recipes: RecipeBook) -> Offer:
    """What an upload is once its principal's project, uploader and limits are applied.

    Every way in calls this before any byte is taken. What the finished file must keep to stays
    with the offer, and `Receive` checks it by the bytes.

    Raises:
        TooLarge: the announced size is more than the principal may upload.
        UnknownRecipe: the recipe of its token is no preset any more.
    """
    limits = principal.limits
    fixed = None if limits is None else limits.recipe
    if limits is not None and offer.size is not None:
        limits.check_size(offer.size)
    return replace(
        offer,
        project=principal.project,
        uploader=offer.uploader if principal.uploader is None else principal.uploader,
        recipe=offer.recipe if fixed is None else recipes.resolve(fixed),
        limits=limits,
    )
