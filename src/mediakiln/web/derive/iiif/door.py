"""The door of IIIF: image requests, image information, and the way from one to the other."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, unquote

from blake3 import blake3
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from mediakiln.model.errors import InvalidRequest, SignatureInvalid
from mediakiln.model.signature import IIIF, split_iiif, verified_by
from mediakiln.model.transform import Wanted
from mediakiln.stages.derive.negotiate import weights
from mediakiln.web.delivery.conditions import none_matches
from mediakiln.web.derive.call import Call
from mediakiln.web.derive.gate import SIGNED, Gate, Permit
from mediakiln.web.derive.iiif import info
from mediakiln.web.derive.iiif.grammar import parse
from mediakiln.web.derive.images import Images
from mediakiln.web.derive.rules import ImageRules

_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Retry-After",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match, Range",
    "Access-Control-Max-Age": "86400",
}
_PARTS: Final = 4
_LINKED: Final = f'application/ld+json;profile="{info.CONTEXT}"'


class IiifDoor:
    """`/iiif/{asset}/…`; where addresses must be signed, `/iiif/{asset}~{signature}/…`.

    A viewer makes the addresses of tiles by itself, so the signature is one for all of an
    asset's: over `/iiif/{asset}`.
    """

    prefix = IIIF
    methods = frozenset({"GET", "HEAD", "OPTIONS"})
    refusal_headers: Mapping[str, str] = _CORS

    def __init__(
        self, images: Images, gate: Gate, rules: ImageRules, base: Callable[[Scope], str]
    ) -> None:
        """`base` gives scheme and host as the client sees them."""
        self._images = images
        self._gate = gate
        self._rules = rules
        self._base = base

    async def __call__(self, call: Call) -> None:
        """Answer with an image, its information, or the way there.

        Raises:
            SignatureMissing, SignatureInvalid: the address must be signed, or is, but not rightly.
            InvalidRequest: the request is not one of the API; names what is wrong.
            NotFound, Gone, Overloaded, …: as `Images.answer`.
        """
        if call.method == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(call.scope, call.receive, call.send)
            return
        identifier, *words = call.path.removeprefix(IIIF).split("/")
        id, signature = split_iiif(identifier)
        permit = await self._permit(call, id, signature)
        # One spelling, however much of it the client encoded; slashes stay encoded.
        base = f"{self._base(call.scope)}{IIIF}{quote(unquote(identifier), safe=':')}"
        if not words or words == [""]:
            there = RedirectResponse(f"{base}/info.json", status_code=303, headers=_CORS)
            await there(call.scope, call.receive, call.send)
        elif words == ["info.json"]:
            await self._information(call, id, base, permit)
        elif len(words) == _PARTS:
            await self._image(call, id, base, [unquote(word) for word in words], permit)
        else:
            # A slash that was not encoded makes another asset's id of what is before it.
            await self._images.source(id, permit)
            raise InvalidRequest(
                "an address is {asset}/info.json or "
                "{asset}/{region}/{size}/{rotation}/{quality}.{format}",
                hint=f"{base}/full/max/0/default.jpg",
            )

    async def _information(self, call: Call, id: str, base: str, permit: Permit) -> None:
        source = await self._images.source(id, permit)
        document = info.information(base, *await self._images.size(source))
        linked = _linked(",".join(call.headers.getlist("accept")))
        answer: Response = JSONResponse(
            document, media_type=_LINKED if linked else "application/json"
        )
        headers = MutableHeaders(raw=answer.raw_headers)
        headers.update(
            {
                **_CORS,
                "Cache-Control": f"{'public' if permit.public else 'private'}, "
                f"max-age={int(self._rules.max_age_s)}",
                "Link": f'<{info.PROFILE}>;rel="profile"',
                "Surrogate-Key": f"asset-{source.id} project-{source.project}",
                "Cache-Tag": f"asset-{source.id},project-{source.project}",
                "Vary": "Accept",
                "ETag": f'"{blake3(bytes(answer.body) + linked.to_bytes()).hexdigest(length=16)}"',
            }
        )
        known = ", ".join(call.headers.getlist("if-none-match"))
        if known and not none_matches(known, headers["etag"]):
            del headers["content-length"], headers["content-type"]
            answer = Response(status_code=304, headers=headers)
        await answer(call.scope, call.receive, call.send)

    async def _image(
        self, call: Call, id: str, base: str, words: list[str], permit: Permit
    ) -> None:
        source = await self._images.source(id, permit)
        request = parse(words, *await self._images.size(source))
        links = f'<{base}/{request.canonical}>;rel="canonical",<{info.PROFILE}>;rel="profile"'
        wanted = Wanted(source=id, transform=request.transform())
        await self._images.answer(
            call,
            wanted,
            permit,
            source=source,
            headers=[*_CORS.items(), ("Link", links)],
            names_us=True,
        )

    async def _permit(self, call: Call, id: str, signature: str | None) -> Permit:
        if signature is None:
            return await self._gate.unsigned(call)
        rules, message = self._rules, f"{IIIF}{id}".encode()
        if verified_by(signature, message, rules.keys, size=rules.signature_bytes) is None:
            raise SignatureInvalid(
                "the signature is not that of this asset",
                hint="`mediakiln url sign /iiif/ASSET` makes one",
            )
        return SIGNED


def _linked(accept: str) -> bool:
    """Whether an Accept header wants JSON-LD, which is also what no header at all gets (5.1).

    Wildcards get plain JSON: browsers send them, and show it.
    """
    if not accept:
        return True
    told = weights(accept)
    plain = told.get("application/json", told.get("application/*", told.get("*/*", 0.0)))
    named = told.get("application/ld+json", 0.0)
    return named > 0 and named >= plain
