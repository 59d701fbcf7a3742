"""Objects on Google Cloud Storage."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import quote

import obstore
from obstore.store import GCSStore

from mediakiln.adapters.object_store.checks import check_key
from mediakiln.adapters.object_store.cloud.disposition import attachment
from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.gcs import buckets
from mediakiln.adapters.object_store.cloud.gcs.api import GOOGLE, OK, PRECONDITION, GcsApi, resource
from mediakiln.adapters.object_store.cloud.gcs.signing import Request, signed, signed_form
from mediakiln.adapters.object_store.cloud.gcs.tokens import Tokens
from mediakiln.adapters.object_store.cloud.gcs.upload import GcsUpload
from mediakiln.adapters.object_store.cloud.http import Http
from mediakiln.adapters.object_store.cloud.options import (
    Options,
    check_life,
    read_flag,
    read_url,
)
from mediakiln.adapters.object_store.cloud.putting import new_mark, put_whole, settle, written
from mediakiln.adapters.object_store.cloud.shelves import (
    Shelf,
    client_options,
    retry_config,
    shelf_of,
)
from mediakiln.adapters.object_store.cloud.single import SingleDeletes
from mediakiln.model.errors import (
    AlreadyExists,
    EngineError,
    EngineUnavailable,
    NotSupported,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import SignedForm, SignedPut
from mediakiln.ports.object_store import LifecycleRules, ObjectInfo

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists in the stubs only
    from obstore.store import GCSConfig

_TURNS = 5


class GcsObjectStore(SingleDeletes):
    """A store for `gs://NAME`, in the buckets NAME-input, NAME-production, NAME-archive.

    Options of the URL, all of which may be left out:

    - `endpoint`: where it is not Google's.
    - `anonymous=true`: ask for no credentials, as emulators need none.
    - `project`: in which buckets are made; else that of the credentials.
    - `location`: where buckets are made; else where Google makes them.
    - `input`, `production`, `archive`: buckets of other names.
    - `input_class`, `production_class`, `archive_class`: storage classes of new objects.
    - `timeout_s` (30): how long one request may stand still; `retries` (5) after an outage.

    Credentials are Google's application default ones. Addresses are signed by the service
    account's key, or by IAM where there is none.
    """

    def __init__(
        self, api: GcsApi, tokens: Tokens, shelves: Mapping[Bucket, Shelf], options: Options
    ) -> None:
        super().__init__(shelves)
        self._api = api
        self._tokens = tokens
        self._endpoint = _endpoint(options) or GOOGLE
        self._project = options.own.get("project", "")
        self._location = options.own.get("location", "")
        signs = not tokens.anonymous
        self.capabilities = replace(type(self).capabilities, presign=signs, presign_described=signs)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store for `gs://NAME?option=value`; no connection is made yet.

        Raises:
            EngineMisconfigured: another form, an unknown option, a value that cannot be one, or
                Google's library for credentials is not installed.
        """
        options = read_url(url, "gs", own={"endpoint", "anonymous", "project", "location"})
        tokens = Tokens(anonymous=read_flag(options.own, "anonymous"))
        shelves = {
            b: replace(shelf_of(_open(options, b, tokens), b, options), versions=False)
            for b in Bucket
        }
        api = GcsApi(Http(options), tokens, _endpoint(options) or GOOGLE)
        return cls(api, tokens, shelves, options)

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
        """An address for a second to a week, signed by the service account's key or by IAM."""
        query: dict[str, str] = {}
        headers: dict[str, str] = {}
        if method == "PUT":
            headers = {"content-type": media_type} if media_type else {}
        else:
            query |= {"response-content-type": media_type} if media_type else {}
            query |= {"response-content-disposition": attachment(filename)} if filename else {}
        return await self._signed(bucket, key, method, expires_s, query, headers)

    max_put_bytes = 5 << 40

    async def sign_put(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedPut:
        """A PUT, for a second to a week, that is refused where the key is taken.

        https://cloud.google.com/storage/docs/xml-api/reference-headers
        """
        headers = {
            "content-type": media_type,
            "x-goog-content-length-range": f"{size},{size}",
            "x-goog-if-generation-match": "0",
        }
        return SignedPut(await self._signed(bucket, key, "PUT", expires_s, {}, headers), headers)

    async def sign_form(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedForm:
        """A form, for a second to a week."""
        self._check_signing(key, expires_s)
        return await signed_form(
            self._tokens,
            self._endpoint,
            self._shelf(bucket).name,
            key,
            size=size,
            media_type=media_type,
            expires_s=int(expires_s),
        )

    def _check_signing(self, key: str, expires_s: float) -> None:
        check_key(key)
        check_life(expires_s)
        if self._tokens.anonymous:
            raise NotSupported("Without credentials there are no signed addresses.")

    async def _signed(
        self,
        bucket: Bucket,
        key: str,
        method: Literal["GET", "PUT"],
        expires_s: float,
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> str:
        self._check_signing(key, expires_s)
        request = Request(
            method=method,
            endpoint=self._endpoint,
            resource=f"/{self._shelf(bucket).name}/{key}",
            expires_s=int(expires_s),
            query=query,
            headers=headers,
        )
        return await signed(self._tokens, request)

    async def apply_rules(self, rules: LifecycleRules) -> None:
        """Write lifecycle rules into the buckets' settings; other rules than by age alone stay."""
        written = {bucket: buckets.rules_of(bucket, rules) for bucket in self._shelves}
        for bucket, shelf in self._shelves.items():
            await buckets.write_rules(self._api, shelf.name, written[bucket])

    async def close(self) -> None:
        """Let go of connections and threads."""
        await super().close()
        await self._api.close()

    async def _answers(self, shelf: Shelf) -> bool:
        return await buckets.answers(self._api, shelf.name)

    async def _make(self, name: str) -> None:
        project = self._project or await self._tokens.project()
        await buckets.make(self._api, name, project=project, location=self._location)

    async def _put_whole(
        self, shelf: Shelf, key: str, data: bytes, *, if_absent: bool
    ) -> ObjectInfo:
        return await put_whole(shelf, key, data, if_absent=if_absent, send=self._api.insert)

    async def _begin(self, shelf: Shelf, key: str, *, if_absent: bool) -> GcsUpload:
        upload = GcsUpload(self._api, shelf, key, if_absent=if_absent)
        await upload.begin()
        return upload

    async def _copy(
        self, source: tuple[Shelf, str], target: tuple[Shelf, str], *, if_absent: bool
    ) -> ObjectInfo:
        for _ in range(_TURNS):
            with translated(source[0].name, source[1]):
                meta = await obstore.head_async(source[0].client, source[1])
            if if_absent and await target[0].look(target[1]) is not None:
                raise AlreadyExists(key=target[1])
            copied = await self._rewrite(source, meta, target, if_absent=if_absent)
            if copied is not None:
                return copied
        raise EngineError("The source of a copy is overwritten all the time.", key=source[1])

    async def _rewrite(
        self,
        source: tuple[Shelf, str],
        meta: "ObjectMeta",
        target: tuple[Shelf, str],
        *,
        if_absent: bool,
    ) -> ObjectInfo | None:
        """Copy by as many requests as Google wants; None if a condition did not hold."""
        shelf, key = target
        mark = new_mark()
        path = f"/storage/v1{_place(*source)}/rewriteTo{_place(*target)}"
        path += f"?ifSourceGenerationMatch={meta['version']}"
        path += "&ifGenerationMatch=0" if if_absent else ""
        token = ""
        while True:
            try:
                answer = await self._api.send(
                    "POST",
                    path + (f"&rewriteToken={quote(token, safe='')}" if token else ""),
                    bucket=shelf.name,
                    key=source[1],
                    accept={OK, PRECONDITION},
                    body=resource(shelf, mark),
                )
            except EngineUnavailable:
                if not if_absent or (settled := await settle(shelf, key, mark)) is None:
                    raise
                return settled
            if answer.status_code == PRECONDITION:
                return await settle(shelf, key, mark) if if_absent else None
            state = answer.json()
            if state["done"]:
                etag = str(state["resource"].get("etag", ""))
                return await written(shelf, key, mark, meta["size"], etag)
            token = state["rewriteToken"]


def _place(shelf: Shelf, key: str) -> str:
    return f"/b/{quote(shelf.name, safe='')}/o/{quote(key, safe='')}"


def _endpoint(options: Options) -> str:
    return options.own.get("endpoint", "").rstrip("/")


def _open(options: Options, bucket: Bucket, tokens: Tokens) -> GCSStore:
    endpoint = _endpoint(options)
    config: GCSConfig = {"base_url": endpoint} if endpoint else {}
    return GCSStore(
        options.buckets[bucket],
        config=config,
        client_options=client_options(options, endpoint),
        retry_config=retry_config(options),
        credential_provider=tokens.credential,
    )
