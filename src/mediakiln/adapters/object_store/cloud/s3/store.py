"""Objects on Amazon S3, and on whatever speaks its protocol."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from obstore.store import S3Store

from mediakiln.adapters.object_store.checks import check_key
from mediakiln.adapters.object_store.cloud.http import Http
from mediakiln.adapters.object_store.cloud.options import Options, read_url
from mediakiln.adapters.object_store.cloud.s3 import addresses, copies, direct, lifecycle, multipart
from mediakiln.adapters.object_store.cloud.s3.client import S3Client, code_of
from mediakiln.adapters.object_store.cloud.s3.part_writer import S3PartWriter
from mediakiln.adapters.object_store.cloud.s3.upload import S3Upload
from mediakiln.adapters.object_store.cloud.shelves import (
    Shelf,
    client_options,
    retry_config,
    shelf_of,
)
from mediakiln.adapters.object_store.cloud.store import CloudObjectStore
from mediakiln.model.errors import EngineMisconfigured, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import Description, SignedForm, SignedPut
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import LifecycleRules, ObjectInfo

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists in the stubs only

_HOME_REGION = "us-east-1"


class S3ObjectStore(CloudObjectStore):
    """An object store for `s3://NAME`, in the buckets NAME-input, NAME-production, NAME-archive.

    Options of the URL, all of which may be left out:

    - `endpoint`: of a compatible store, as `http://host:port`; its buckets are part of the path.
    - `region`: else that of the AWS environment, else us-east-1.
    - `input`, `production`, `archive`: buckets of other names.
    - `input_class`, `production_class`, `archive_class`: storage classes of new objects.
    - `tags=true`: new production and archive objects carry the tag `mediakiln=production|archive`.
    - `timeout_s` (30): how long one request may stand still; `retries` (5) after an outage.

    Credentials are found as every AWS program finds them. The store must honour `If-None-Match`
    on puts and on the completion of multipart uploads, which S3, MinIO and versitygw do.
    """

    part_rules = multipart.RULES

    def __init__(self, client: S3Client, http: Http, shelves: Mapping[Bucket, Shelf]) -> None:
        super().__init__(shelves)
        self._client = client
        self._http = http

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store for `s3://NAME?option=value`; no connection is made yet.

        Raises:
            EngineMisconfigured: another form, an unknown option, or a value that cannot be one.
        """
        options = read_url(url, "s3", own={"endpoint", "region", "tags"})
        client = S3Client(options)
        return cls(
            client,
            Http(options, connections=None),  # one for each part that clients are sending
            {b: shelf_of(_open(options, client, options.buckets[b]), b, options) for b in Bucket},
        )

    async def ensure(self) -> None:
        """Check that the three buckets answer; make those that are missing.

        Raises:
            EngineMisconfigured: a bucket cannot be used; the hint says what helps.
        """
        for shelf in self._shelves.values():
            async with self._client.calls(shelf.name) as s3:
                if not await _answers(s3, shelf.name):
                    await self._make(s3, shelf.name)

    async def close(self) -> None:
        """Let go of connections and threads."""
        await super().close()
        await self._http.close()
        await self._client.close()

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
        """An address for a second to a week, which also ends with the credentials."""
        check_key(key)
        return await addresses.presign(
            self._client,
            self._shelf(bucket),
            key,
            method=method,
            expires_s=expires_s,
            filename=filename,
            media_type=media_type,
        )

    max_put_bytes = direct.MAX_PUT_BYTES

    async def sign_put(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedPut:
        """A PUT, for a second to a week, that is refused where the key is taken."""
        check_key(key)
        return await direct.sign_put(
            self._client,
            self._shelf(bucket),
            key,
            size=size,
            media_type=media_type,
            expires_s=expires_s,
        )

    async def sign_form(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedForm:
        """A form, for a second to a week; it writes over what is there."""
        check_key(key)
        return await direct.sign_form(
            self._client,
            self._shelf(bucket),
            key,
            size=size,
            media_type=media_type,
            expires_s=expires_s,
        )

    async def describe(self, bucket: Bucket, key: str) -> Description:
        """An object's metadata and tags."""
        check_key(key)
        return await direct.describe(self._client, self._shelf(bucket), key)

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload of parts."""
        check_key(key)
        return await multipart.begin(self._client, self._shelf(bucket), key)

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> S3PartWriter:
        """Write one part, streaming; its etag is S3's."""
        multipart.RULES.check(number, offset=offset, size=size)
        return S3PartWriter(self._upload(bucket, key, upload), self._http, number, size or 0)

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The parts that S3 holds, by number."""
        return await self._upload(bucket, key, upload).parts()

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Make the object of these parts, inside S3."""
        return await self._upload(bucket, key, upload).complete(parts)

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Throw the parts away."""
        try:
            found = self._upload(bucket, key, upload)
        except NotFound:
            return
        await found.abort()

    async def presign_part(
        self, bucket: Bucket, key: str, upload: str, number: int, *, expires_s: float
    ) -> str:
        """An address for a second to a week, which also ends with the credentials."""
        multipart.RULES.check(number, offset=0, size=1)
        return await self._upload(bucket, key, upload).address(number, expires_s)

    def _upload(self, bucket: Bucket, key: str, upload: str) -> multipart.S3Parts:
        check_key(key)
        return multipart.S3Parts(self._client, self._shelf(bucket), key, upload)

    async def apply_rules(self, rules: LifecycleRules) -> None:
        """Write lifecycle rules into the buckets' settings, beside those of other hands."""
        names = {bucket: shelf.name for bucket, shelf in self._shelves.items()}
        await lifecycle.apply_rules(self._client, names, rules)

    async def _begin(self, shelf: Shelf, key: str, *, if_absent: bool) -> S3Upload:
        upload = S3Upload(self._client, shelf, key, if_absent=if_absent)
        await upload.begin()
        return upload

    async def _copy(
        self, source: tuple[Shelf, str], target: tuple[Shelf, str], *, if_absent: bool
    ) -> ObjectInfo:
        return await copies.copy(self._client, source, target, if_absent=if_absent)

    async def _make(self, s3: Any, bucket: str) -> None:
        where: dict[str, Any] = {}
        if self._client.region != _HOME_REGION:
            where["CreateBucketConfiguration"] = {"LocationConstraint": self._client.region}
        try:
            await s3.create_bucket(Bucket=bucket, **where)
        except s3.exceptions.BucketAlreadyOwnedByYou:
            return
        except s3.exceptions.BucketAlreadyExists as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_STORE: the bucket {bucket} belongs to somebody else",
                hint="choose another name: bucket names are one space for all customers",
            ) from error


async def _answers(s3: Any, bucket: str) -> bool:
    try:
        await s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if code_of(error) not in {"404", "NoSuchBucket"}:
            raise
        return False
    return True


def _open(options: Options, client: S3Client, bucket: str) -> S3Store:
    endpoint = options.own.get("endpoint", "")
    config: S3Config = {"region": client.region, "virtual_hosted_style_request": not endpoint}
    if endpoint:
        config["endpoint"] = endpoint
    return S3Store(
        bucket,
        config=config,
        client_options=client_options(options, endpoint),
        retry_config=retry_config(options),
        credential_provider=client.credentials,
    )
