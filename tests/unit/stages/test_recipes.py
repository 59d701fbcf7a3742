"""Recipe errors name the step, the field and what is allowed."""

import json
from typing import Any

import pytest

from mediakiln.model.errors import InvalidRecipe, UnknownRecipe
from mediakiln.model.kind import Kind
from mediakiln.ports.operation import OperationSet
from mediakiln.stages.recipes import RecipeBook
from mediakiln.testing.mock_operations import OPERATIONS


@pytest.fixture(scope="module")
def book() -> RecipeBook:
    return RecipeBook(OperationSet([*OperationSet.installed(), *OPERATIONS]))


def _one(**step: Any) -> dict[str, Any]:
    return {"steps": {"one": step}}


@pytest.mark.parametrize(
    ("recipe", "step", "field"),
    [
        (_one(op="image.resize", widht=5), "one", "widht"),
        (_one(op="image.resize", width=0), "one", "width"),
        (_one(op="image.resize", width=10, fit="squash"), "one", "fit"),
        (_one(op="image.nope"), "one", "op"),
        (_one(op="mock.copy", **{"from": "nobody"}), "one", "from"),
        (_one(op="mock.copy", **{"from": "one"}), None, "from"),
        ({"steps": {"Bad Name": {"op": "mock.copy"}}}, "Bad Name", None),
        ({"steps": {"one": {}}}, "one", "steps.one.op"),
    ],
)
def test_an_invalid_recipe_names_its_step_and_field(
    book: RecipeBook, recipe: dict[str, Any], step: str | None, field: str | None
) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        book.resolve(recipe)
    assert caught.value.context.get("step") == step
    assert caught.value.context.get("field") == field


def test_a_wrong_choice_lists_the_allowed_ones(book: RecipeBook) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        book.resolve(_one(op="image.resize", width=10, fit="squash"))
    assert "cover" in json.dumps(caught.value.context["allowed"])


@pytest.mark.parametrize(
    ("args", "field", "allowed"),
    [
        ({"command": "join"}, "command", ["split"]),
        ({"command": "split", "args": {"lines": "all"}}, "args.lines", "[1-9]"),
        ({"command": "split", "args": {"rows": "1"}}, "args", ["lines"]),
    ],
)
def test_a_command_is_checked_against_the_operators_table_at_upload(
    args: dict[str, Any], field: str, allowed: Any
) -> None:
    split = {
        "argv": ["split", "--lines={lines}", "{source}", "{out}/part-"],
        "produces": [{"file": "part-*", "media_type": "text/plain"}],
        "options": {"lines": {"pattern": "[1-9]"}},
    }
    book = RecipeBook(OperationSet.installed(), commands={"split": split})
    with pytest.raises(InvalidRecipe) as caught:
        book.resolve(_one(op="custom.command", **args))
    assert caught.value.context == {"step": "one", "field": field, "allowed": allowed}
    book.resolve(_one(op="custom.command", command="split", args={"lines": "5"}))


def test_models_are_checked_against_the_operators_where_these_are_known() -> None:
    named = _one(op="image.labels", models=["m", "n"])
    RecipeBook(OperationSet.installed()).resolve(named)
    RecipeBook(OperationSet.installed(), commands={}).resolve(named)
    with pytest.raises(InvalidRecipe) as caught:
        RecipeBook(OperationSet.installed(), commands={}, models={"m": "/m"}).resolve(named)
    assert caught.value.context == {"step": "one", "field": "models", "allowed": ["m"]}
    RecipeBook(OperationSet.installed(), models={"m": "/m", "n": "/n"}).resolve(named)


def test_a_ring_is_refused(book: RecipeBook) -> None:
    ring = {"a": {"op": "mock.copy", "from": "b"}, "b": {"op": "mock.copy", "from": "a"}}
    with pytest.raises(InvalidRecipe, match="ring"):
        book.resolve({"steps": ring})


def test_a_step_that_cannot_take_what_its_parent_makes_is_refused(book: RecipeBook) -> None:
    steps = {
        "text": {"op": "document.text"},
        "thumb": {"op": "image.resize", "width": 10, "from": "text"},
    }
    with pytest.raises(InvalidRecipe) as caught:
        book.resolve({"steps": steps})
    assert caught.value.context["step"] == "thumb"


@pytest.mark.parametrize("text", ["{", "{}", '{"steps": []}', '{"steps": {}}', "[" * 5000])
def test_what_is_no_recipe_is_refused(book: RecipeBook, text: str) -> None:
    with pytest.raises(InvalidRecipe):
        book.resolve(text if text.startswith("{") else "{" + text)


def test_too_many_steps_and_too_many_bytes_are_refused(book: RecipeBook) -> None:
    many = {f"s{number}": {"op": "mock.copy"} for number in range(33)}
    with pytest.raises(InvalidRecipe) as caught:
        book.resolve({"steps": many})
    assert caught.value.context["limit"] == 32
    with pytest.raises(InvalidRecipe):
        book.resolve(_one(op="mock.copy", file="x" * 20_000))


def test_an_unknown_preset_lists_the_known_ones(book: RecipeBook) -> None:
    with pytest.raises(UnknownRecipe) as caught:
        book.resolve("imge")
    assert "image" in caught.value.context["allowed"]


def test_every_kind_has_a_default_recipe(book: RecipeBook) -> None:
    for kind in Kind:
        assert book.default(kind).steps


def test_order_puts_parents_first_and_dependants_are_all_found(book: RecipeBook) -> None:
    steps = {
        "c": {"op": "mock.copy", "from": "b"},
        "b": {"op": "mock.copy", "from": "a/copy"},
        "a": {"op": "mock.copy"},
        "d": {"op": "mock.copy"},
    }
    recipe = book.resolve({"steps": steps})
    assert recipe is not None
    order = recipe.order()
    assert order.index("a") < order.index("b") < order.index("c")
    assert recipe.dependants("a") == {"b", "c"}
    assert recipe.steps["b"].parent_file == "copy"


def test_a_preset_obeys_the_size_limit_of_every_recipe() -> None:
    """Record sizes are reckoned with it."""
    step = {"op": "image.resize", "width": 100}
    steps = {f"{number:02}".ljust(64, "x"): step | {"note": "x" * 600} for number in range(32)}
    with pytest.raises(InvalidRecipe, match="larger than"):
        RecipeBook(OperationSet.installed(), {"big": {"steps": steps}})


@pytest.mark.parametrize("text", ["[]", ' [{"steps": {}}]', "{", '{"steps": ['])
def test_json_that_is_no_recipe_is_not_taken_for_a_name(text: str) -> None:
    with pytest.raises(InvalidRecipe) as refused:
        RecipeBook(OperationSet.installed()).resolve(text)
    assert refused.value.code == "invalid_recipe"


@pytest.mark.parametrize(
    ("spec", "told", "hint"),
    [
        (
            {"steps": []},
            "steps: must be an object of names, each with an object with op, from",
            None,
        ),
        ({"steps": {"a": "image.hash"}}, "steps.a: must be an object with op, from", None),
        ({"steps": {"a": {}}}, "steps.a.op: is missing", None),
        ({"steps": {"a": {"op": 7}}}, "steps.a.op: must be a text", None),
        ({"version": "x", "steps": {}}, "version: must be a whole number, at least 1", None),
        ({"step": {}, "steps": {}}, "step: is not known there", "did you mean steps?"),
    ],
)
def test_a_recipe_of_another_form_is_told_so_in_words(
    spec: dict[str, Any], told: str, hint: str | None
) -> None:
    with pytest.raises(InvalidRecipe) as refused:
        RecipeBook(OperationSet.installed()).resolve(spec)
    assert refused.value.message == f"recipe: {told}"
    assert refused.value.context["hint"] == hint
