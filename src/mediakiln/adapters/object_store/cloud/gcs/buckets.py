"""Buckets of Google Cloud Storage: making them, and the rules by which they clear up.

https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from typing import Any
from urllib.parse import quote

from mediakiln.adapters.object_store.cloud.gcs.api import OK, PRECONDITION, GcsApi
from mediakiln.model.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    NotSupported,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules

_CONFLICT = 409
_MISSING = 404
_TURNS = 5


async def answers(api: GcsApi, name: str) -> bool:
    """Whether there is such a bucket; asks for no more than the right to list its objects."""
    path = f"/storage/v1/b/{quote(name, safe='')}/o?maxResults=1&fields=kind"
    answer = await api.send("GET", path, bucket=name, accept={OK, _MISSING})
    return answer.status_code == OK


async def make(api: GcsApi, name: str, *, project: str, location: str) -> None:
    """Make a bucket whose access is by IAM alone; one that is there already is no error.

    Raises:
        EngineMisconfigured: the project is not known, or the credentials may not.
    """
    if not project:
        raise EngineMisconfigured(
            f"MEDIAKILN_STORE: there is no bucket {name}, and no project to make it in",
            bucket=name,
            hint=f"add project=PROJECT to the URL, or: gcloud storage buckets create gs://{name}",
        )
    body: dict[str, Any] = {
        "name": name,
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": True},
            "publicAccessPrevention": "enforced",
        },
    }
    if location:
        body["location"] = location
    path = f"/storage/v1/b?project={quote(project, safe='')}"
    try:
        await api.send("POST", path, bucket=name, accept={OK, _CONFLICT}, body=body)
    except EngineMisconfigured as error:
        raise EngineMisconfigured(
            f"MEDIAKILN_STORE: there is no bucket {name}, and it cannot be made: {error}",
            bucket=name,
            hint=f"gcloud storage buckets create gs://{name} --project={project}",
        ) from error


async def write_rules(api: GcsApi, name: str, ours: list[dict[str, Any]]) -> None:
    """Write lifecycle rules beside those of others, against the settings that were read.

    Google's rules have no names. So what goes by an object's age alone is ours, and replaced.

    Raises:
        NotSupported: the server does not keep such rules.
        EngineUnavailable: the bucket's settings change all the time.
    """
    path = f"/storage/v1/b/{quote(name, safe='')}"
    for _ in range(_TURNS):
        now = (await api.send("GET", path, bucket=name, accept={OK})).json()
        foreign = [rule for rule in _rules(now) if not _by_age_alone(rule)]
        condition = now.get("metageneration")
        answer = await api.send(
            "PATCH",
            path + (f"?ifMetagenerationMatch={condition}" if condition else ""),
            bucket=name,
            accept={OK, PRECONDITION},
            body={"lifecycle": {"rule": foreign + ours}},
        )
        if answer.status_code == PRECONDITION:
            continue
        if len(_rules(answer.json())) != len(foreign + ours):
            raise NotSupported(
                "This server keeps no lifecycle rules.",
                bucket=name,
                hint="expire archives and unfinished uploads by the server's own means",
            )
        return
    raise EngineUnavailable("The bucket's settings change all the time.", bucket=name)


def rules_of(bucket: Bucket, rules: LifecycleRules) -> list[dict[str, Any]]:
    """The rules of one bucket, as Google writes them."""
    written = [_rule(rules.abandoned_days, type="AbortIncompleteMultipartUpload")]
    if bucket is not Bucket.ARCHIVE:
        return written
    if rules.cold_days is not None:
        move = {"type": "SetStorageClass", "storageClass": rules.cold_class}
        written.append(_rule(rules.cold_days, **move))
    if rules.archive_days is not None:
        written.append(_rule(rules.archive_days, type="Delete"))
    return written


def _rule(days: int, **action: str) -> dict[str, Any]:
    return {"action": action, "condition": {"age": days}}


def _rules(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return list(settings.get("lifecycle", {}).get("rule", []))


def _by_age_alone(rule: dict[str, Any]) -> bool:
    return set(rule.get("condition", {})) == {"age"}
