"""What the option `--recipe` means."""

from pathlib import Path


def read_recipe(recipe: str | None) -> str | None:
    """A recipe file's text, or the preset's name as it is."""
    if recipe is None or not Path(recipe).is_file():
        return recipe
    return Path(recipe).read_text()
