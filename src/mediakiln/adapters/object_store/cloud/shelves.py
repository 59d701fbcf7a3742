"""One bucket as obstore sees it, and what is known of its objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore

from mediakiln.adapters.object_store.cloud.failures import translated
from mediakiln.adapters.object_store.cloud.options import Options
from mediakiln.model.errors import ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import Description
from mediakiln.ports.object_store import ObjectInfo

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists in the stubs only
    from obstore.store import ClientConfig, RetryConfig

MARK = "kilnwrite"
"""The metadata in which an object carries who wrote it, for settling unknown outcomes."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One bucket.

    Attributes:
        client: obstore's store of it.
        name: its name at the provider.
        storage_class: of new objects; empty for the bucket's own.
        tags: of new objects.
        versions: whether a version is told: not where a listing could not tell it, too.
    """

    client: Any
    name: str
    storage_class: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    versions: bool = True

    async def look(self, key: str) -> tuple[ObjectInfo, str] | None:
        """What is known of an object, and the mark of its writer; None when there is none."""
        try:
            with translated(self.name, key):
                found = await obstore.get_async(self.client, key, options={"head": True})
        except ObjectMissing:
            return None
        info = info_of(found.meta)
        if not self.versions:
            info = replace(info, version=None)
        return info, str(found.attributes.get(MARK, ""))

    async def describe(self, key: str) -> Description:
        """An object's metadata.

        Raises:
            ObjectMissing: there is no such object.
        """
        with translated(self.name, key):
            found = await obstore.get_async(self.client, key, options={"head": True})
        said = {name.lower(): str(value) for name, value in found.attributes.items()}
        ours = said.pop(MARK, None) is not None
        return Description(said, ours=ours)


def shelf_of(client: Any, bucket: Bucket, options: Options) -> Shelf:
    """A bucket with what the options say about it."""
    return Shelf(
        client,
        options.buckets[bucket],
        options.classes.get(bucket, ""),
        options.tag(bucket),
    )


def info_of(meta: "ObjectMeta") -> ObjectInfo:
    """An object as the store lists it; times are whole seconds, as HTTP has them."""
    return ObjectInfo(
        key=meta["path"],
        size=meta["size"],
        etag=(meta["e_tag"] or "").strip('"'),
        modified=meta["last_modified"].replace(microsecond=0),
        version=meta["version"],
    )


def client_options(options: Options, endpoint: str) -> "ClientConfig":
    """How obstore speaks HTTP. An object may take any time as long as its bytes go on coming."""
    return {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=min(5.0, options.timeout_s)),
        "read_timeout": timedelta(seconds=options.timeout_s),
        "timeout": timedelta(days=1),
    }


def retry_config(options: Options) -> "RetryConfig":
    """How obstore tries again: after 0.1, 0.2, 0.4 … seconds, give or take."""
    return {
        "max_retries": options.retries,
        "retry_timeout": timedelta(minutes=1),
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
    }
