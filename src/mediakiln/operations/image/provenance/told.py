"""A manifest store in few words."""

from collections.abc import Mapping
from typing import Any, Final

from mediakiln.operations.image.provenance.manifests import without_places

MAX_TOLD: Final = 64
"""Actions, ingredients and problems that are told; the store has them all."""
_ACTIONS: Final = ("c2pa.actions", "c2pa.actions.v2")


def told(store: Mapping[str, Any] | None, *, location: bool) -> dict[str, Any]:
    """What `credentials.json` says; `location` leaves in where an image was taken."""
    if store is None:
        return {"found": False}
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    problems = [status.get("code") for status in store.get("validation_status", ())]
    found = {
        "found": True,
        "state": str(store.get("validation_state", "invalid")).lower(),
        "problems": list(dict.fromkeys(problems))[:MAX_TOLD],
        "title": active.get("title"),
        "generator": _generator(active),
        "signed_by": signature.get("issuer"),
        "signed_at": signature.get("time"),
        "algorithm": signature.get("alg"),
        "actions": _actions(active)[:MAX_TOLD],
        "ingredients": [
            {name: each[name] for name in ("title", "format", "relationship") if name in each}
            for each in active.get("ingredients", ())[:MAX_TOLD]
        ],
        "store": store if location else without_places(store),
    }
    return {name: value for name, value in found.items() if value is not None}


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """The few facts worth keeping on the asset's record."""
    names = ("found", "state", "problems", "generator", "signed_by", "signed_at")
    kept = {name: found[name] for name in names if found.get(name) not in (None, [])}
    done = [each["action"] for each in found.get("actions", ())]
    return kept | ({"actions": done} if done else {})


def _generator(active: Mapping[str, Any]) -> str | None:
    for each in active.get("claim_generator_info", ()):
        if each.get("name"):
            return f"{each['name']} {each.get('version', '')}".strip()
    return active.get("claim_generator")


def _actions(active: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = []
    for assertion in active.get("assertions", ()):
        if assertion.get("label") in _ACTIONS:
            for each in assertion.get("data", {}).get("actions", ()):
                entry = {"action": each.get("action"), "when": each.get("when")}
                entry["description"] = each.get("description")
                entry["operation"] = (each.get("parameters") or {}).get("mediakiln.operation")
                made.append({name: value for name, value in entry.items() if value is not None})
    return made
