"""Assets: uploads that were taken in, their runs and their products."""

from pathlib import Path
from time import monotonic
from typing import Final

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource, there
from mediakiln.client.blocking import Resource, here
from mediakiln.client.call import Call, Flow, Pages, Pause, Stream, ask, given, once, paged, part
from mediakiln.client.images import image_address
from mediakiln.client.models import Asset, Product
from mediakiln.client.resources.uploads import Recipe, submit
from mediakiln.client.sink import Target

LONG_POLL_S: Final = 25.0
_PAUSE_S: Final = 0.25
_PAGE: Final = 100


def get(id: str, *, wait: float = 0) -> Call[Asset]:
    """One asset, as it is now; or once its run has ended, at most `wait` seconds later."""
    params = {"wait": round(wait, 3)} if wait else {}
    return Call("GET", f"/v1/assets/{part(id)}", Asset.model_validate, params=params)


def list_(
    *, state: str | None = None, kind: str | None = None, search: str | None = None
) -> Pages[Asset]:
    """Assets, newest first; pages are fetched as they are needed.

    `search` is words of their names, tags and types and of what steps found in them, all of which
    must be there; `word*` is a beginning.
    """
    return paged(
        "/v1/assets",
        "assets",
        Asset.model_validate,
        state=state,
        kind=kind,
        q=search,
        limit=_PAGE,
    )


def process(asset: Asset | str, recipe: Recipe | None = None) -> Call[Asset]:
    """Start another run, perhaps with another recipe; only missing products are made."""
    path = f"/v1/assets/{part(_id(asset))}/process"
    body = given(recipe=recipe)
    return Call("POST", path, Asset.model_validate, headers=once(), body=body)


def delete(asset: Asset | str) -> Call[Asset]:
    """Hide an asset at once; the server deletes its bytes after a grace."""
    return Call("DELETE", f"/v1/assets/{part(_id(asset))}", Asset.model_validate)


def restore(asset: Asset | str) -> Call[int]:
    """Bring missing products back from the archive; the answer is how many files came."""
    path = f"/v1/assets/{part(_id(asset))}/restore"
    return Call("POST", path, lambda answer: int(answer["restored"]))


def purge(asset: Asset | str) -> Call[int]:
    """Remove the images that were derived from an asset on request; returns how many there were."""
    path = f"/v1/assets/{part(_id(asset))}/purge"
    return Call("POST", path, lambda answer: int(answer["purged"]))


def wait(asset: Asset | str, timeout: float | None = None) -> Flow[Asset]:
    """The asset once its run has ended, whatever the end.

    Raises:
        TimeoutError: it did not end within `timeout` seconds.
    """
    id = _id(asset)
    end = None if timeout is None else monotonic() + timeout
    while True:
        asked = monotonic()
        patience = LONG_POLL_S if end is None else max(0.0, min(LONG_POLL_S, end - asked))
        latest = yield from ask(get(id, wait=patience))
        if latest.settled:
            return latest
        now = monotonic()
        if end is not None and now >= end:
            raise TimeoutError(f"asset {id} is still {latest.state}")
        # For servers that answer at once whatever they were asked.
        yield Pause(max(0.0, _PAUSE_S - (now - asked)))


def watch(asset: Asset | str) -> Stream[Asset]:
    """The asset now and at every change, until its run has ended."""
    return Stream(
        f"/v1/assets/{part(_id(asset))}/events",
        lambda event: Asset.model_validate_json(event.data),
        final=lambda latest: latest.settled,
    )


class Assets(Resource):
    """What can be asked of assets."""

    submit = here(submit)
    get = here(get)
    list = blocking.listed(list_)
    wait = here(wait)
    watch = blocking.heard(watch)
    process = here(process)
    delete = here(delete)
    restore = here(restore)
    purge = here(purge)

    def image_url(
        self,
        asset: Asset | str,
        options: str = "",
        *,
        key: str | None = None,
        seconds: float | None = None,
    ) -> str:
        """The address of an image that is made on request, as `image_address`; asks nobody."""
        base = self._driver.settings.address.url
        return image_address(base, _id(asset), options, key=key, seconds=seconds)

    def download(self, what: Asset | Product | str, to: Target) -> Path | None:
        """Save an asset's original, a product, or what a download address leads to.

        `to` is a file's path, a folder (with a slash at its end one that need not be there yet),
        or a file open for writing. Returns the path, if any.

        Raises:
            DownloadDamaged: the bytes do not match the checksum; nothing is kept.
        """
        return self._driver.save(_download_path(what), to, _checksum_of(what))


class AsyncAssets(AsyncResource):
    """What can be asked of assets."""

    submit = there(submit)
    get = there(get)
    list = awaiting.listed(list_)
    wait = there(wait)
    watch = awaiting.heard(watch)
    process = there(process)
    delete = there(delete)
    restore = there(restore)
    purge = there(purge)

    def image_url(
        self,
        asset: Asset | str,
        options: str = "",
        *,
        key: str | None = None,
        seconds: float | None = None,
    ) -> str:
        """The address of an image that is made on request, as `image_address`; asks nobody."""
        base = self._driver.settings.address.url
        return image_address(base, _id(asset), options, key=key, seconds=seconds)

    async def download(self, what: Asset | Product | str, to: Target) -> Path | None:
        """Save an asset's original, a product, or what a download address leads to.

        `to` is a file's path, a folder (with a slash at its end one that need not be there yet),
        or a file open for writing. Returns the path, if any.

        Raises:
            DownloadDamaged: the bytes do not match the checksum; nothing is kept.
        """
        return await self._driver.save(_download_path(what), to, _checksum_of(what))


def _id(asset: Asset | str) -> str:
    return asset if isinstance(asset, str) else asset.id


def _download_path(what: Asset | Product | str) -> str:
    """The path of an original, a product or a download address.

    Always asked of the server the client talks to: the key must not follow an address that
    leads elsewhere.
    """
    address = what if isinstance(what, str) else what.url
    start = address.find("/v1/assets/")
    if start < 0:
        raise ValueError("not the address of a download")
    return address[start:]


def _checksum_of(what: Asset | Product | str) -> str | None:
    """What the bytes must hash to, where it is known."""
    return None if isinstance(what, str) else what.checksum
