"""`POST /v1/images/sign`: addresses of images, read, checked and signed."""

import re
import time
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.access import Principal, Scope
from mediakiln.model.errors import InvalidRequest, NotFound, NotSupported
from mediakiln.model.ids import is_id
from mediakiln.model.signature import (
    IIIF,
    NATIVE,
    expiring,
    iiif_service,
    sign_iiif,
    sign_native,
    split_iiif,
    split_native,
)
from mediakiln.web.access import allowed
from mediakiln.web.api.openapi import problems
from mediakiln.web.bodies import SmallJson
from mediakiln.web.derive.native.grammar import Grammar
from mediakiln.web.derive.rules import ImageRules
from mediakiln.web.services import Services
from mediakiln.web.urls import base_url

MOST: Final = 32
"""Addresses of one request: what a srcset may need."""
MOST_SECONDS: Final = 10 * 366 * 86_400
_SENT: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
"""A path that every client sends as it is written (RFC 3986, section 3.3)."""

Address = Annotated[str, Field(min_length=1, max_length=4096)]


class SignIn(BaseModel):
    """What is to be signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    addresses: tuple[Address, ...] = Field(
        min_length=1,
        max_length=MOST,
        description="Paths from `/i/` on, percent-encoded as they will be sent, or "
        "`/iiif/{asset}` with whatever follows; a signature in them is made anew.",
    )
    seconds: Annotated[int, Field(ge=1, le=MOST_SECONDS)] | None = Field(
        None, description="How long they are good for (not of `/iiif/`). Default: for ever."
    )


class SignedAddress(BaseModel):
    """An address that anybody may use."""

    path: str = Field(description="From `/i/` or `/iiif/` on.")
    url: str = Field(description="With scheme and host.")
    expires: int | None = Field(description="Unix time; null: never.")


class SignOut(BaseModel):
    """The addresses, in the order they were asked for."""

    addresses: list[SignedAddress]
    signed: bool = Field(description="False where the settings switch signatures off.")


def signing(services: Services) -> APIRouter:
    """The route that signs."""
    routes = APIRouter(tags=["delivery"], route_class=SmallJson)

    @routes.post("/v1/images/sign", responses=problems(400, 403, 404, 410, 413, 422))
    async def sign_addresses(request: Request, wanted: SignIn) -> SignOut:
        """Sign addresses of images of the key's project, after a look at what they ask for.

        Nothing is made yet. A signed address needs no key, and the end of a key does not end it:
        hence the scope `process`.
        """
        principal = allowed(request.scope, Scope.PROCESS)
        rules = services.image_rules
        if rules is None:
            raise NotSupported("no images are made on request here")
        base = base_url(request.scope, services)
        signer = _Signer(services, rules, principal, base, wanted.seconds)
        addresses = [await signer.sign(address) for address in wanted.addresses]
        return SignOut(addresses=addresses, signed=rules.signed)

    return routes


class _Signer:
    """Signs for one principal."""

    def __init__(
        self,
        services: Services,
        rules: ImageRules,
        principal: Principal,
        base: str,
        seconds: int | None,
    ) -> None:
        self._deliver = services.deliver
        self._rules = rules
        self._project = principal.project
        self._base = base
        self._seconds = seconds
        self._grammar = Grammar(rules)

    async def sign(self, address: str) -> SignedAddress:
        """The address, signed where that is needed.

        Raises:
            InvalidRequest: it is no address of an image, or an option is wrong; names it.
            NotFound, Gone: its asset is not there for the principal.
        """
        if not address.startswith((NATIVE, IIIF)):
            raise InvalidRequest(
                f"addresses of images begin with {NATIVE} or {IIIF}", value=address[:80]
            )
        if not _SENT.fullmatch(address):
            raise InvalidRequest(
                "the address is not percent-encoded as it would be sent",
                value=address[:80],
                hint="no query, and spaces as %20",
            )
        if address.startswith(IIIF):
            return await self._iiif(address)
        return await self._native(address)

    async def _native(self, address: str) -> SignedAddress:
        bare, _ = split_native(address)
        if self._seconds is not None:
            bare = expiring(bare, int(time.time()) + self._seconds)
        wanted = self._grammar.parse(bare, {})
        id, _, product = wanted.source.partition("/")
        if product:
            await self._deliver.product(id, product, project=self._project)
        else:
            await self._deliver.asset(id, project=self._project)
        expires = None if wanted.expires is None else int(wanted.expires)
        if not self._rules.signed:
            return self._told(bare, expires)
        signed = sign_native(bare, self._rules.keys[0], size=self._rules.signature_bytes)
        return self._told(signed, expires)

    async def _iiif(self, address: str) -> SignedAddress:
        if self._seconds is not None:
            raise InvalidRequest("addresses of IIIF do not expire", field="seconds")
        identifier, slash, rest = address.removeprefix(IIIF).partition("/")
        id, _ = split_iiif(identifier)
        asset, _, product = id.partition("/")
        if not is_id(asset):
            raise NotFound(f"there is no asset {asset[:64]!r}")
        if product:
            await self._deliver.product(asset, product, project=self._project)
        else:
            await self._deliver.asset(asset, project=self._project)
        if not self._rules.signed:
            return self._told(f"{iiif_service(id)}{slash}{rest}", None)
        signed = sign_iiif(id, self._rules.keys[0], size=self._rules.signature_bytes)
        return self._told(f"{signed}{slash}{rest}", None)

    def _told(self, path: str, expires: int | None) -> SignedAddress:
        return SignedAddress(path=path, url=f"{self._base}{path}", expires=expires)
