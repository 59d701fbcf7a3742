"""Objects on Azure Blob Storage."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import obstore
from obstore.store import AzureStore

from mediakiln.adapters.object_store.checks import check_key
from mediakiln.adapters.object_store.cloud.azure.policy import command
from mediakiln.adapters.object_store.cloud.azure.signing import AccountKey
from mediakiln.adapters.object_store.cloud.azure.upload import (
    CONFLICT,
    CREATED,
    PRECONDITION,
    AzureUpload,
    given,
)
from mediakiln.adapters.object_store.cloud.disposition import attachment
from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.fetching import together
from mediakiln.adapters.object_store.cloud.http import Http
from mediakiln.adapters.object_store.cloud.options import Options, check_life, read_url
from mediakiln.adapters.object_store.cloud.putting import new_mark, settle, written
from mediakiln.adapters.object_store.cloud.shelves import (
    Shelf,
    client_options,
    retry_config,
    shelf_of,
)
from mediakiln.adapters.object_store.cloud.single import SingleDeletes, copy_through
from mediakiln.model.errors import (
    AlreadyExists,
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    NotSupported,
    ObjectMissing,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules, ObjectInfo

if TYPE_CHECKING:
    from obstore.store import AzureConfig  # exists in the stubs only

WHOLE_BYTES = 256 << 20
"""Largest blob that Azure copies by one synchronous request."""
_RANGE = 64 << 20
_PARALLEL = 4
_TURNS = 5
_SIGNATURE = timedelta(days=1)
_ACCEPTED = 202
_PLAIN = re.compile(r"[A-Za-z0-9._~/-]+")


class AzureObjectStore(SingleDeletes):
    """A store for `az://ACCOUNT/NAME`, in containers NAME-input, NAME-production, NAME-archive.

    Options of the URL, all of which may be left out:

    - `endpoint`: the blob service's address, where it is not `https://ACCOUNT.blob…net`.
    - `input`, `production`, `archive`: containers of other names.
    - `input_class`, `production_class`, `archive_class`: access tiers (Hot, Cool, Cold) of new
      blobs.
    - `tags=true`: new production and archive blobs carry the index tag
      `mediakiln=production|archive`; with the account's key only.
    - `timeout_s` (30): how long one request may stand still; `retries` (5) after an outage.

    Keys of other characters than A-Z, a-z, 0-9, `.`, `_`, `-`, `~` and `/` (mediakiln makes none)
    hold 8 MiB at most and have no addresses: obstore signs them otherwise than Azure reads them.

    Credentials are found as obstore finds them: `AZURE_STORAGE_ACCOUNT_KEY`, a service principal
    by `AZURE_CLIENT_ID` and so on, workload identity, managed identity. They must allow signing:
    blocks and copies go by signed addresses. Only the account's key makes containers, and
    addresses that say a file's name and type.
    """

    def __init__(
        self, http: Http, shelves: Mapping[Bucket, Shelf], account: str, key: AccountKey | None
    ) -> None:
        super().__init__(shelves)
        self._http = http
        self._account = account
        self._key = key
        self.capabilities = replace(type(self).capabilities, presign_described=key is not None)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store for `az://ACCOUNT/NAME?option=value`; no connection is made yet.

        Raises:
            EngineMisconfigured: another form, an unknown option, or a value that cannot be one.
        """
        options = read_url(url, "az", own={"endpoint", "tags"}, account=True)
        key = AccountKey.found(options.account, options.own.get("endpoint", ""))
        if options.tags and key is None:
            raise EngineMisconfigured(
                "MEDIAKILN_STORE: tags=true needs the account's key, which signs for tags",
                hint="set AZURE_STORAGE_ACCOUNT_KEY, or leave tags out",
            )
        shelves = {b: shelf_of(_open(options, options.buckets[b]), b, options) for b in Bucket}
        return cls(Http(options), shelves, options.account, key)

    max_put_bytes = 5000 << 20  # https://learn.microsoft.com/rest/api/storageservices/put-blob
    put_headers: ClassVar[Mapping[str, str]] = {"x-ms-blob-type": "BlockBlob"}

    async def presign(
        self,
        bucket: Bucket,
        key: str,
        *,
        method: Literal["GET", "PUT"],
        expires_s: float,
        filename: str | None = None,
        media_type: str | None = None,
    ) -> str:
        """An address for a second to a week. Who writes by it sends `x-ms-blob-type: BlockBlob`.

        Raises:
            NotSupported: the key is not plain, a writer's type is to be fixed, or a name or type
                is to be told and the credentials are not the account's key.
        """
        check_key(key)
        check_life(expires_s)
        if not _is_plain(key):
            raise NotSupported("On Azure, only plain keys have addresses.", key=key)
        said = filename or media_type
        if said and (self._key is None or method == "PUT"):
            raise NotSupported(
                "Addresses of this store cannot say a file's name or type.",
                hint="set AZURE_STORAGE_ACCOUNT_KEY, or let mediakiln send the file",
            )
        shelf = self._shelf(bucket)
        if self._key is None:
            with translated(shelf.name, key):
                life = timedelta(seconds=expires_s)
                return await obstore.sign_async(shelf.client, method, key, life)
        return self._key.address(
            shelf.name,
            key,
            method=method,
            expires_s=expires_s,
            disposition=attachment(filename) if filename else "",
            media_type=media_type or "",
        )

    async def apply_rules(self, rules: LifecycleRules) -> None:
        """Refuse: Azure's rules belong to the account, and are written by its resource manager."""
        container = self._shelves[Bucket.ARCHIVE].name
        raise NotSupported(
            "Azure's lifecycle rules are set on the storage account, by its resource manager.",
            hint=command(self._account, container, rules),
        )

    async def close(self) -> None:
        """Let go of connections and threads."""
        await super().close()
        await self._http.close()

    async def _answers(self, shelf: Shelf) -> bool:
        try:
            with translated(shelf.name, ""):
                await obstore.list(shelf.client, chunk_size=1).collect_async()
        except ObjectMissing:
            return False
        except EngineMisconfigured as error:
            if error.context.get("status") != 404:  # noqa: PLR2004 - not found
                raise
            return False
        return True

    async def _make(self, name: str) -> None:
        if self._key is None:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: there is no container {name}, and only the account's key, "
                "AZURE_STORAGE_ACCOUNT_KEY, can make it from here",
                bucket=name,
                hint=f"az storage container create --auth-mode login "
                f"--account-name {self._account} --name {name}",
            )
        url = self._key.creation(name)
        await self._http.send("PUT", url, bucket=name, accept={CREATED, CONFLICT})

    async def _begin(self, shelf: Shelf, key: str, *, if_absent: bool) -> AzureUpload:
        url = await self._writable(shelf, key)
        return AzureUpload(self._http, url, shelf, key, if_absent=if_absent)

    async def _writable(self, shelf: Shelf, key: str) -> str:
        if not shelf.tags or self._key is None:
            return await _signed(shelf, key, "PUT")
        life = _SIGNATURE.total_seconds()
        return self._key.address(shelf.name, key, method="PUT", expires_s=life, tags=True)

    async def _copy(
        self, source: tuple[Shelf, str], target: tuple[Shelf, str], *, if_absent: bool
    ) -> ObjectInfo:
        for _ in range(_TURNS):
            found = await source[0].look(source[1])
            if found is None:
                raise ObjectMissing(key=source[1])
            if found[0].size == 0 or not (_is_plain(source[1]) and _is_plain(target[1])):
                return await copy_through(source, target, if_absent=if_absent)
            by = self._copy_whole if found[0].size <= WHOLE_BYTES else self._copy_blocks
            copied = await by(source, found[0], target, if_absent=if_absent)
            if copied is not None:
                return copied
        raise EngineError("The source of a copy is overwritten all the time.", key=source[1])

    async def _copy_whole(
        self,
        source: tuple[Shelf, str],
        info: ObjectInfo,
        target: tuple[Shelf, str],
        *,
        if_absent: bool,
    ) -> ObjectInfo | None:
        shelf, key = target
        mark = new_mark()
        headers = given(shelf, mark, if_absent=if_absent) | {
            "x-ms-requires-sync": "true",
            "x-ms-copy-source": await _signed(*source, "GET"),
            "x-ms-source-if-match": f'"{info.etag}"',
        }
        try:
            answer = await self._http.send(
                "PUT",
                await self._writable(shelf, key),
                bucket=shelf.name,
                key=source[1],
                accept={CREATED, _ACCEPTED, CONFLICT, PRECONDITION},
                headers=headers,
            )
        except EngineUnavailable:
            if not if_absent or (settled := await settle(shelf, key, mark)) is None:
                raise
            return settled
        if answer.status_code in {CREATED, _ACCEPTED}:
            return await written(shelf, key, mark, info.size, answer.headers["etag"])
        # Which of the two conditions failed, the status does not tell.
        return await settle(shelf, key, mark) if if_absent else None

    async def _copy_blocks(
        self,
        source: tuple[Shelf, str],
        info: ObjectInfo,
        target: tuple[Shelf, str],
        *,
        if_absent: bool,
    ) -> ObjectInfo | None:
        if if_absent and await target[0].look(target[1]) is not None:
            raise AlreadyExists(key=target[1])
        upload = await self._begin(*target, if_absent=if_absent)
        address = await _signed(*source, "GET")
        starts = iter(enumerate(range(0, info.size, _RANGE), start=1))
        same = True

        async def work() -> None:
            nonlocal same
            for number, start in starts:
                span = (start, min(start + _RANGE, info.size))
                same &= await upload.copied_part(number, address, info.etag, span)

        await together([work() for _ in range(_PARALLEL)])
        return await upload.complete() if same else None


def _is_plain(key: str) -> bool:
    """Whether obstore signs an address of this key as Azure reads it: undecoded, as it is."""
    return _PLAIN.fullmatch(key) is not None


async def _signed(shelf: Shelf, key: str, method: Literal["GET", "PUT"]) -> str:
    if not _is_plain(key):
        raise NotSupported(
            "On Azure, only keys of A-Z, a-z, 0-9, '.', '_', '-', '~' and '/' can be large.",
            key=key,
            hint="choose a plainer name, or keep the object below 8 MiB",
        )
    with translated(shelf.name, key):
        return await obstore.sign_async(shelf.client, method, key, _SIGNATURE)


def _open(options: Options, container: str) -> AzureStore:
    endpoint = options.own.get("endpoint", "")
    config: AzureConfig = {"account_name": options.account}
    if endpoint:
        config["endpoint"] = endpoint
    return AzureStore(
        container,
        config=config,
        client_options=client_options(options, endpoint),
        retry_config=retry_config(options),
    )
