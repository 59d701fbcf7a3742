"""A tar archive of everything of one uploader, written while it is read (POSIX.1-2001, pax)."""

import json
import tarfile
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from mediakiln.model.asset import Asset
from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import Gone, NotFound, ObjectMissing
from mediakiln.web.api.views import asset_view
from mediakiln.web.services import Services

_PAGE: Final = 100
_BLOCK: Final = 512
_END: Final = b"\0" * (2 * _BLOCK)
_GONE: Final = (Gone, NotFound, ObjectMissing)


async def exported(
    services: Services, project: str, uploader: str, *, base: str, files: bool
) -> AsyncIterator[bytes]:
    """`{id}/asset.json`, `{id}/original/{name}`, `{id}/products/{step}/{file}`, asset by asset.

    Then what else there is of the uploader: `uploads/…`, `imports/…`, `watched/…`.
    """
    cursor: str | None = None
    while True:
        page = await services.catalog.list(project, limit=_PAGE, cursor=cursor)
        for asset in page.assets:
            if asset.uploader == uploader and asset.deleted_at is None:
                async for piece in _asset(services, asset, base, files=files):
                    yield piece
        cursor = page.cursor
        if cursor is None:
            break
    async for trace in services.erasures.traces.of(project, uploader):
        document = json.dumps(trace.document, indent=2, default=str).encode()
        yield _head(trace.path, len(document), trace.at)
        yield document + _padding(len(document))
    yield _END


async def _asset(
    services: Services, asset: Asset, base: str, *, files: bool
) -> AsyncIterator[bytes]:
    view = await asset_view(asset, services.deliver, base)
    record = view.model_dump_json(indent=2).encode()
    yield _head(f"{asset.id}/asset.json", len(record), asset.created_at)
    yield record + _padding(len(record))
    if not files:
        return
    for path, item in await _files(services, asset):
        yield _head(f"{asset.id}/{path}", item.size, asset.created_at)
        sent = 0
        async for chunk in services.deliver.stream(item):
            sent += len(chunk)
            yield chunk
        if sent != item.size:
            raise ObjectMissing("a file changed while it was read", key=item.key)
        yield _padding(sent)


async def _files(services: Services, asset: Asset) -> list[tuple[str, Deliverable]]:
    """What there is of an asset; what is gone by now is left out."""
    deliver, found = services.deliver, []
    try:
        found.append((f"original/{asset.name}", await deliver.original(asset.id)))
    except _GONE:
        return []
    for step, products in asset.visible.items():
        for stored in await deliver.files(products):
            try:
                item = await deliver.product(asset.id, f"{step}/{stored.file}")
            except _GONE:
                continue
            found.append((f"products/{step}/{stored.file}", item))
    return found


def _head(name: str, size: int, at: datetime) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mtime = int(at.timestamp())
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % _BLOCK)
