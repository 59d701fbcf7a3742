"""Webhooks: addresses that are told of the project's assets."""

from collections.abc import Iterable
from typing import Any

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource, there
from mediakiln.client.blocking import Resource, here
from mediakiln.client.call import Call, Pages, nothing, paged, part
from mediakiln.client.models import NewWebhook, Webhook


def create(url: str, events: Iterable[str] = ()) -> Call[NewWebhook]:
    """Tell an address of the project's runs that ended; without `events`, of all.

    What its news are signed with is in the answer and nowhere else.
    """
    body = {"url": url, "events": list(events)}
    # One that was made and never heard of would be told twice: not to be tried again.
    return Call("POST", "/v1/webhooks", NewWebhook.model_validate, body=body, repeatable=False)


def get(id: str) -> Call[Webhook]:
    """One webhook."""
    return Call("GET", f"/v1/webhooks/{part(id)}", Webhook.model_validate)


def list_() -> Pages[Webhook]:
    """The project's webhooks, the oldest first."""
    return paged("/v1/webhooks", "webhooks", Webhook.model_validate)


def delete(id: str) -> Call[None]:
    """Tell it nothing more."""
    return Call("DELETE", f"/v1/webhooks/{part(id)}", nothing)


def enable(id: str) -> Call[Webhook]:
    """Turn on again what was turned off because it failed."""
    return Call("POST", f"/v1/webhooks/{part(id)}/enable", Webhook.model_validate)


def test(id: str) -> Call[dict[str, Any]]:
    """Send it news as a test, once; what came of it."""
    return Call("POST", f"/v1/webhooks/{part(id)}/test", dict, repeatable=False)


def deliveries(asset: str) -> Pages[dict[str, Any]]:
    """How others were told of an asset: every attempt, and what was answered."""
    return paged(f"/v1/assets/{part(asset)}/deliveries", "deliveries", dict)


def resend(asset: str, delivery: str) -> Call[dict[str, Any]]:
    """Send the same news to the same target once more, now."""
    path = f"/v1/assets/{part(asset)}/deliveries/{part(delivery)}/resend"
    return Call("POST", path, dict, repeatable=False)


class Webhooks(Resource):
    """Addresses that are told of the project's assets."""

    create = here(create)
    get = here(get)
    list = blocking.listed(list_)
    delete = here(delete)
    enable = here(enable)
    test = here(test)
    deliveries = blocking.listed(deliveries)
    resend = here(resend)


class AsyncWebhooks(AsyncResource):
    """Addresses that are told of the project's assets."""

    create = there(create)
    get = there(get)
    list = awaiting.listed(list_)
    delete = there(delete)
    enable = there(enable)
    test = there(test)
    deliveries = awaiting.listed(deliveries)
    resend = there(resend)
