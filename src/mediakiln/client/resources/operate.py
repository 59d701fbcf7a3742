"""What is installed, and what nobody could handle."""

from typing import Any

from mediakiln.client import awaiting, blocking
from mediakiln.client.awaiting import AsyncResource, there
from mediakiln.client.blocking import Resource, here
from mediakiln.client.call import Call, Pages, paged, part
from mediakiln.client.models import DeadLetter


def operations() -> Call[list[dict[str, Any]]]:
    """The installed operations, with their parameters as JSON Schema."""
    return Call("GET", "/v1/operations", lambda answer: list(answer["operations"]))


def recipes() -> Call[list[dict[str, Any]]]:
    """The presets."""
    return Call("GET", "/v1/recipes", lambda answer: list(answer["recipes"]))


def dead_letters() -> Pages[DeadLetter]:
    """Messages nobody could handle, oldest first."""
    return paged("/v1/dead", "letters", DeadLetter.model_validate)


def dead_letter(id: str) -> Call[DeadLetter]:
    """One dead letter."""
    return Call("GET", f"/v1/dead/{part(id)}", DeadLetter.model_validate)


def replay(id: str) -> Call[DeadLetter]:
    """Send a dead letter's message again, and drop the letter."""
    path = f"/v1/dead/{part(id)}/replay"
    return Call("POST", path, DeadLetter.model_validate, repeatable=False)


def drop(id: str) -> Call[DeadLetter]:
    """Forget a dead letter for good."""
    return Call("DELETE", f"/v1/dead/{part(id)}", DeadLetter.model_validate, repeatable=False)


class Operating(Resource):
    """What an operator asks."""

    operations = here(operations)
    recipes = here(recipes)
    dead_letters = blocking.listed(dead_letters)
    dead_letter = here(dead_letter)
    replay = here(replay)
    drop = here(drop)


class AsyncOperating(AsyncResource):
    """What an operator asks."""

    operations = there(operations)
    recipes = there(recipes)
    dead_letters = awaiting.listed(dead_letters)
    dead_letter = there(dead_letter)
    replay = there(replay)
    drop = there(drop)
