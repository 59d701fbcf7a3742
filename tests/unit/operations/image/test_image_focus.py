"""Finders are asked about a small still, and their answer holds for the whole image."""

from typing import Any, cast

import pytest
import pyvips

from mediakiln.operations.image.pixels.edit import Scene
from mediakiln.operations.image.shape import focus

SCENE = cast("Scene", None)  # these finders look at pixels alone


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a finder is asked, that always answers with the lower right corner."""
    seen: list[tuple[Any, ...]] = []

    def corner(still: Any, window: focus.Size, _: Scene) -> focus.Size:
        seen.append(((still.width, still.height), window))
        return still.width - window[0], still.height - window[1]

    finders = {"corner": focus.Finder(corner, 100)}
    monkeypatch.setattr(focus, "FINDERS", finders)
    return seen


def test_a_large_frame_is_looked_at_small(asked: list[tuple[Any, ...]]) -> None:
    frame = pyvips.Image.black(1000, 500)
    assert focus.found(frame, (333, 251), "corner", SCENE) == (667, 249)
    assert asked == [((100, 50), (33, 25))]


def test_a_small_frame_is_looked_at_as_it_is(asked: list[tuple[Any, ...]]) -> None:
    frame = pyvips.Image.black(90, 40)
    assert focus.found(frame, (30, 40), "corner", SCENE) == (60, 0)
    assert asked == [((90, 40), (30, 40))]


def test_a_window_is_never_empty_nor_beyond_the_image(asked: list[tuple[Any, ...]]) -> None:
    frame = pyvips.Image.black(5000, 20)
    left, top = focus.found(frame, (10, 20), "corner", SCENE)
    assert 0 <= left <= 4990
    assert top == 0
    assert asked == [((100, 1), (1, 1))]
