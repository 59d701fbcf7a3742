"""Who a request comes from, as the door found out, and whether it may do what it asks for."""

from typing import Final

from starlette.types import Scope as Asgi

from mediakiln.model.access import Principal, Scope
from mediakiln.model.errors import Forbidden, Unauthorised

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
