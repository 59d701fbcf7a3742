"""From an understood address to an answer: what every grammar of images ends with."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mediakiln.model.errors import AddressExpired, ObjectMissing, Overloaded
from mediakiln.model.transform import Wanted
from mediakiln.stages.deliver import Deliver
from mediakiln.stages.derive import Derive, Derived, Original, Source
from mediakiln.web.delivery.contents import Contents
from mediakiln.web.delivery.downloads import Downloads
from mediakiln.web.delivery.headers import announce
from mediakiln.web.derive.call import Call
from mediakiln.web.derive.gate import Permit
from mediakiln.web.derive.hot import HotAnswers
from mediakiln.web.derive.rules import ImageRules

Pairs = list[tuple[bytes, bytes]]

_FOR_EVER_S: Final = 31_536_000
_TRIES: Final = 3
_OUR_NAME: Final = ("host", "x-forwarded-host", "x-forwarded-proto")
"""Request headers by which a client, or a proxy for it, says what it calls us."""


@dataclass(frozen=True, slots=True)
class _Told:
    """Further headers of an answer, and the request's headers that they go by."""

    headers: Sequence[tuple[str, str]]
    by: tuple[str, ...]


class Images:
    """Resolves sources, has images made, and sends them with every header they need."""

    def __init__(self, derive: Derive, deliver: Deliver, rules: ImageRules) -> None:
        self._derive = derive
        self._deliver = deliver
        self._rules = rules
        self._contents = Contents(deliver, max_kept=rules.memory_bytes)
        self._downloads = Downloads(deliver, public=True, contents=self._contents)
        self._hot = HotAnswers()

    async def source(self, id: str, permit: Permit) -> Source:
        """The asset of that id as a source; with `{id}/{step}[/{file}]` one of its products.

        Raises:
            NotFound: there is none that the request may see.
            Gone: it was deleted.
        """
        id, _, product = id.partition("/")
        asset = await self._deliver.asset(id, fresh=False, project=permit.project)
        if not product:
            return Source.of(asset)
        item = await self._deliver.product(id, product, project=permit.project)
        return replace(
            Source.of(asset),
            bucket=item.bucket,
            key=item.key,
            etag=None,
            identity=item.etag,
            name=item.filename,
            media_type=item.media_type,
            size=item.size,
            sides=None,
        )

    async def size(self, source: Source) -> tuple[int, int]:
        """Width and height of a source in pixels, upright; found out once and kept.

        Raises:
            MediakilnError: as `Derive.get`.
        """
        original = await self._derive.original(source)
        return original.width, original.height

    async def original(self, source: Source, *, upright: bool = True) -> Original:
        """What a source is, upright or as its pixels are stored; found out once and kept.

        Raises:
            MediakilnError: as `Derive.get`.
        """
        return await self._derive.original(source, upright=upright)

    async def answer(
        self,
        call: Call,
        wanted: Wanted,
        permit: Permit,
        *,
        source: Source | None = None,
        headers: Sequence[tuple[str, str]] = (),
        names_us: bool = False,
    ) -> None:
        """Answer with what is wanted: whole, in ranges, its head, or that it is unchanged.

        Args:
            call: the request.
            wanted: what its address says.
            permit: what it may see; `SIGNED`, or as `Gate.unsigned` found.
            source: where the grammar resolved it by itself; else `wanted.source` is an asset's id.
            headers: further headers, such as CORS or a canonical link.
            names_us: these have addresses of ours, by the name that the client has for us.

        Raises:
            AddressExpired: its time is over.
            NotFound, Gone: there is no such asset.
            Overloaded, InvalidRequest, UnsupportedMedia, BadMedia, LimitExceeded: as `Derive.get`.
        """
        left_s = self._left(wanted)
        found = await self.source(wanted.source, permit) if source is None else source
        accept = ",".join(call.headers.getlist("accept"))
        told = _Told(headers, _OUR_NAME if names_us else ())
        for _ in range(_TRIES):
            derived = await _while_there(call, self._derive.get(found, wanted.transform, accept))
            if derived is None:
                return
            try:
                await self._send(call, wanted, permit, derived, found, told, left_s)
            except ObjectMissing:
                # Swept or purged, perhaps by another process, since this one made or knew of it.
                if derived.plan is None:
                    raise
                await self._derive.lost(derived)
                found = await self._anew(found, permit)
            else:
                return
        raise Overloaded("the image is purged again and again while it is made", retry_after=1)

    async def _anew(self, source: Source, permit: Permit) -> Source:
        """The source as it is now: what is made of it as it was before a purge is not kept."""
        if source.id.startswith("at-"):
            return source
        asset = await self._deliver.asset(source.id, project=permit.project)
        return replace(source, epoch=asset.epoch)

    async def again(self, call: Call) -> bool:
        """Give the answer that a request like this was given a moment ago; whether there is one."""
        known = self._hot.find(call)
        if known is None or known.began <= self._deliver.changed_at(known.source):
            return False
        try:
            await self._downloads.send_item(
                known.item, known.pairs, call.scope, call.receive, call.send
            )
        except ObjectMissing:
            self._hot.drop(call)
            return False
        return True

    async def _send(
        self,
        call: Call,
        wanted: Wanted,
        permit: Permit,
        derived: Derived,
        source: Source,
        told: _Told,
        left_s: float,
    ) -> None:
        item = derived.item
        if derived.data is not None:
            self._contents.keep(item, derived.data)
        if wanted.filename:
            item = replace(item, filename=_named(wanted.filename, item.filename))
        varies = (*(("accept",) if wanted.transform.negotiated else ()), *_lowered(wanted.hints))
        pairs = self._pairs(wanted, permit, item, source, varies, left_s)
        pairs += [(name.lower().encode(), value.encode("latin-1")) for name, value in told.headers]
        if permit.lasting:
            varies = (*varies, *told.by)
            self._hot.keep(call, item, pairs, source=source.id, varies=varies, most_s=left_s)
        await self._downloads.send_item(
            item, pairs, call.scope, call.receive, call.send, data=derived.data
        )

    def _pairs(
        self,
        wanted: Wanted,
        permit: Permit,
        item: Any,
        source: Source,
        varies: Sequence[str],
        left_s: float,
    ) -> Pairs:
        """Every header but those of length and range."""
        told = announce(item, public=permit.public, download=wanted.attachment, pinned=False)
        pairs = [pair for pair in told if pair[0] != b"cache-control"]
        pairs.append((b"cache-control", self._lifetime(wanted, permit, left_s).encode()))
        tag = source.id if source.id.startswith("at-") else f"asset-{source.id}"
        pairs.append((b"surrogate-key", f"{tag} project-{source.project}".encode()))
        pairs.append((b"cache-tag", f"{tag},project-{source.project}".encode()))
        if varies:
            pairs.append((b"vary", ", ".join(name.title() for name in varies).encode()))
        return pairs

    def _lifetime(self, wanted: Wanted, permit: Permit, left_s: float) -> str:
        whose = "public" if permit.public else "private"
        if wanted.version is not None and left_s >= _FOR_EVER_S:
            return f"{whose}, max-age={_FOR_EVER_S}, immutable"
        if wanted.version is not None:
            return f"{whose}, max-age={int(left_s)}, immutable"
        return f"{whose}, max-age={int(min(self._rules.max_age_s, left_s))}, must-revalidate"

    @staticmethod
    def _left(wanted: Wanted) -> float:
        """Seconds for which the address is still served.

        Raises:
            AddressExpired: none.
        """
        if wanted.expires is None:
            return float(_FOR_EVER_S)
        left = wanted.expires - time.time()
        if left <= 0:
            raise AddressExpired(f"the address was good until {int(wanted.expires)} (Unix time)")
        return min(left, float(_FOR_EVER_S))


async def _while_there(call: Call, work: Coroutine[Any, Any, Derived]) -> Derived | None:
    """The work's result; None when the client went away before, and the work was dropped."""
    making = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    for _ in range(3):
        if making.done():
            return making.result()
        await asyncio.sleep(0)
    leaving = asyncio.ensure_future(_gone(call))
    try:
        await asyncio.wait({making, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await making if making.done() else None
    finally:
        for task in (making, leaving):
            if not task.done():
                task.cancel()


async def _gone(call: Call) -> None:
    """Return when the client has gone away."""
    while (await call.receive())["type"] != "http.disconnect":
        pass


def _named(stem: str, made: str) -> str:
    """A name with the extension of what was made, once."""
    extension = f".{made.rpartition('.')[2]}"
    alike = (extension, ".jpeg") if extension == ".jpg" else (extension,)
    return stem if stem.lower().endswith(alike) else f"{stem}{extension}"


def _lowered(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)
