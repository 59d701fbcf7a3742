"""Objects on Azure Blob Storage."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import obstore
from obstore.store import AzureStore

from mediakiln.adapters.object_store.checks import check_key
from mediakiln.adapters.object_store.cloud.azure.addresses import is_plain, writable
from mediakiln.adapters.object_store.cloud.azure.copies import Copy
from mediakiln.adapters.object_store.cloud.azure.policy import command
from mediakiln.adapters.object_store.cloud.azure.signing import AccountKey
from mediakiln.adapters.object_store.cloud.azure.upload import (
    CONFLICT,
    CREATED,
    AzureUpload,
)
from mediakiln.adapters.object_store.cloud.disposition import attachment
from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.http import Http
from mediakiln.adapters.object_store.cloud.options import Options, check_life, read_url
from mediakiln.adapters.object_store.cloud.shelves import (
    Shelf,
    client_options,
    retry_config,
    shelf_of,
)
from mediakiln.adapters.object_store.cloud.single import SingleDeletes
from mediakiln.model.errors import (
    EngineMisconfigured,
    NotSupported,
    ObjectMissing,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules, ObjectInfo

if TYPE_CHECKING:
    from obstore.store import AzureConfig  # exists in the stubs only


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
        if not is_plain(key):
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
        url = await writable(shelf, key, self._key)
        return AzureUpload(self._http, url, shelf, key, if_absent=if_absent)

    async def _copy(
        self, source: tuple[Shelf, str], target: tuple[Shelf, str], *, if_absent: bool
    ) -> ObjectInfo:
        return await Copy(self._http, self._key, source, target, if_absent).run()


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
