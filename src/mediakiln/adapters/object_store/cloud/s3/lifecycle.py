"""Lifecycle rules in the settings of S3 buckets."""

from typing import Any

from mediakiln.adapters.object_store.cloud.s3.client import S3Client, code_of
from mediakiln.model.errors import NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules

_OURS = "mediakiln-"
_EVERYTHING = {"Prefix": ""}
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "XNotImplemented"}


async def apply_rules(client: S3Client, names: dict[Bucket, str], rules: LifecycleRules) -> None:
    """Write the rules into the buckets' settings. Rules whose name is not ours stay.

    Raises:
        NotSupported: the store has no lifecycle rules.
    """
    for bucket, name in names.items():
        ours = rules_of(bucket, rules)
        async with client.calls(name) as s3:
            try:
                foreign = [r for r in await _current(s3, name) if not _is_ours(r)]
                await s3.put_bucket_lifecycle_configuration(
                    Bucket=name, LifecycleConfiguration={"Rules": foreign + ours}
                )
            except s3.exceptions.ClientError as error:
                if code_of(error) not in _UNKNOWN:
                    raise
                raise NotSupported(
                    "This S3 server has no lifecycle rules.",
                    bucket=name,
                    hint="expire archives and unfinished uploads by the server's own means",
                ) from error


def rules_of(bucket: Bucket, rules: LifecycleRules) -> list[dict[str, Any]]:
    """The rules of one bucket, as S3 writes them."""
    written = [
        _rule(
            "abandoned",
            AbortIncompleteMultipartUpload={"DaysAfterInitiation": rules.abandoned_days},
        )
    ]
    if bucket is not Bucket.ARCHIVE:
        return written
    if rules.cold_days is not None:
        move = {"Days": rules.cold_days, "StorageClass": rules.cold_class}
        written.append(_rule("cold", Transitions=[move]))
    if rules.archive_days is not None:
        written.append(_rule("expired", Expiration={"Days": rules.archive_days}))
    return written


def _rule(name: str, **action: Any) -> dict[str, Any]:
    return {"ID": f"{_OURS}{name}", "Status": "Enabled", "Filter": _EVERYTHING, **action}


def _is_ours(rule: dict[str, Any]) -> bool:
    return str(rule.get("ID", "")).startswith(_OURS)


async def _current(s3: Any, name: str) -> list[dict[str, Any]]:
    try:
        found = await s3.get_bucket_lifecycle_configuration(Bucket=name)
    except s3.exceptions.ClientError as error:
        if code_of(error) != "NoSuchLifecycleConfiguration":
            raise
        return []
    return list(found.get("Rules", []))
