"""The lifecycle rules of an Azure storage account, which its resource manager writes.

https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure
"""

import json
from typing import Any

from mediakiln.model.errors import InvalidRequest, NotSupported
from mediakiln.ports.object_store import LifecycleRules

_TIERS = {"cool": "tierToCool", "cold": "tierToCold", "archive": "tierToArchive"}


def command(account: str, container: str, rules: LifecycleRules) -> str:
    """The command that writes the rules of the archive container; it replaces all there are.

    Raises:
        InvalidRequest: a blob would move to a tier that there is not.
        NotSupported: nothing is to be written.
    """
    actions: dict[str, Any] = {}
    if rules.cold_days is not None:
        tier = _TIERS.get(rules.cold_class.lower())
        if tier is None:
            raise InvalidRequest(
                f"Azure has no access tier {rules.cold_class!r} to move to.",
                hint="write Cool, Cold or Archive",
            )
        actions[tier] = _after(rules.cold_days)
    if rules.archive_days is not None:
        actions["delete"] = _after(rules.archive_days)
    if not actions:
        raise NotSupported(
            "Azure needs no rules: it forgets unfinished blocks in a week by itself.",
            hint="nothing needs to be done",
        )
    rule = {
        "name": "mediakiln-archive",
        "enabled": True,
        "type": "Lifecycle",
        "definition": {
            "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [f"{container}/"]},
            "actions": {"baseBlob": actions},
        },
    }
    policy = json.dumps({"rules": [rule]}, separators=(",", ":"))
    return (
        f"az storage account management-policy create --account-name {account} "
        f"--resource-group GROUP --policy '{policy}'"
    )


def _after(days: int) -> dict[str, int]:
    return {"daysAfterModificationGreaterThan": days}
