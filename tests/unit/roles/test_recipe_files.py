"""The operator's file of recipes is read at the start, and what is wrong in it is told whole."""

import json
from pathlib import Path

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles import parts
from mediakiln.roles.settings import Settings


@pytest.mark.parametrize(
    ("avatar", "told"),
    [
        ({"steps": {"s": {"op": "image.resze"}}}, "preset 'avatar': step 's': there is no op"),
        ({"steps": {"s": {"op": "image.resize", "width": 0}}}, "preset 'avatar': step 's'"),
        ({"steps": {}}, "preset 'avatar'"),
        (3, "preset 'avatar': a recipe is a JSON object"),
    ],
)
def test_a_recipe_that_is_wrong_is_a_wrong_setting(
    tmp_path: Path, avatar: object, told: str
) -> None:
    path = tmp_path / "presets.json"
    path.write_text(json.dumps({"avatar": avatar}))
    with pytest.raises(EngineMisconfigured, match=told) as caught:
        parts.recipe_book(Settings(data=tmp_path, recipes=path))
    assert caught.value.message.startswith(f"MEDIAKILN_RECIPES: {path}: ")
