"""Presets, and the way from what an uploader wrote to a checked recipe."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mediakiln.model.errors import InvalidRecipe, UnknownRecipe
from mediakiln.model.kind import Kind
from mediakiln.model.recipe import Recipe
from mediakiln.ports.mistakes import meant, reason
from mediakiln.ports.operation import OperationSet

MAX_RECIPE_BYTES = 16 * 1024

BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "image": {
        # A long screenshot is made as high as WebP can be, not refused.
        "web": {"op": "image.resize", "width": 1600, "height": 16_383, "format": "webp"},
        "thumb": {
            "op": "image.resize",
            "width": 320,
            "height": 320,
            "fit": "cover",
            "format": "webp",
        },
    },
    "document": {"text": {"op": "document.text"}},
    "model3d": {
        "facts": {"op": "model3d.inspect"},
        "web": {"op": "model3d.convert", "format": "glb"},
    },
    "video": {
        "facts": {"op": "video.probe"},
        "poster": {"op": "video.frames", "count": 1, "width": 640},
        "web": {"op": "video.transcode", "height": 720},
    },
    "audio": {
        "web": {"op": "audio.transcode", "format": "mp3"},
        "waveform": {"op": "audio.waveform"},
    },
}
"""The default recipe of each kind, under the kind's name."""


class RecipeBook:
    """Named recipes, checked against the installed operations when the book is made."""

    def __init__(
        self,
        operations: OperationSet,
        presets: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        commands: Mapping[str, Any] | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        """With `commands` or `models`, the operator's, what recipes say of them is checked too.

        Raises:
            InvalidRecipe: names the preset, the step, the field and what is allowed.
        """
        self.operations = operations
        self._commands = commands
        self._models = models
        self._presets: dict[str, Recipe] = {}
        built_in = {name: {"steps": steps} for name, steps in BUILT_IN.items()}
        for name, spec in {**built_in, **(presets or {})}.items():
            try:
                self._presets[name] = self._check({"name": name, **_object(spec)})
            except InvalidRecipe as error:
                said = f"preset {name!r}: {error.message}"
                raise InvalidRecipe(said, **error.context) from None

    def __iter__(self) -> Any:
        return iter(sorted(self._presets.items()))

    def default(self, kind: Kind) -> Recipe:
        """What runs when the uploader asked for nothing."""
        return self._presets[kind.value]

    def resolve(self, spec: str | Mapping[str, Any] | None) -> Recipe | None:
        """A preset's name, a recipe as JSON text, or a parsed recipe; None stays None.

        Raises:
            UnknownRecipe: no preset has that name.
            InvalidRecipe: names the step, the field and what is allowed.
        """
        if spec is None or spec == "":
            return None
        if isinstance(spec, str):
            if not spec.lstrip().startswith(("{", "[")):
                return self._named(spec.strip())
            spec = _parse(spec)
        return self._check({**spec, "name": None})

    def _named(self, name: str) -> Recipe:
        try:
            return self._presets[name]
        except KeyError:
            raise UnknownRecipe(
                f"there is no recipe {name[:80]!r}",
                allowed=sorted(self._presets),
                hint=meant(name, self._presets),
            ) from None

    def _check(self, spec: Mapping[str, Any]) -> Recipe:
        _check_size(json.dumps(spec))
        try:
            recipe = Recipe.model_validate(spec)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = [str(part) for part in first["loc"]]
            step = path[1] if len(path) > 1 and path[0] == "steps" else None
            unknown = first["type"] == "extra_forbidden"
            raise InvalidRecipe(
                f"recipe: {'.'.join(path)}: {reason(Recipe, error)}",
                step=step,
                field=".".join(path),
                allowed=["steps"] if unknown else None,
                hint=meant(path[-1], ["steps"]) if unknown else None,
            ) from None
        self.operations.check(recipe, self._commands, self._models)
        return recipe


def _check_size(text: str) -> None:
    if len(text) > MAX_RECIPE_BYTES:
        raise InvalidRecipe(
            f"the recipe is larger than {MAX_RECIPE_BYTES} bytes", limit=MAX_RECIPE_BYTES
        )


def _parse(text: str) -> Mapping[str, Any]:
    _check_size(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRecipe(f"the recipe is not valid JSON: {error}") from None
    return _object(value)


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRecipe("a recipe is a JSON object with `steps`")
    return value
