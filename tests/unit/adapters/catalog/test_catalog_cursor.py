import pytest

from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.model.errors import InvalidRequest

_SCOPE = ("assets", "default", None)


@pytest.mark.parametrize("position", [[0, "x"], [2**62, "ä🙂\u0000"], ["only a key"], [-1, ""]])
def test_a_position_comes_back_as_it_was(position: list[int | str]) -> None:
    assert unseal(seal(position, _SCOPE), _SCOPE) == position


def test_a_cursor_needs_no_escaping_in_a_url() -> None:
    for n in range(50):
        cursor = seal([n, "ÿ" * n], _SCOPE)
        assert cursor.replace("-", "").replace("_", "").isalnum()


def test_scopes_that_join_to_the_same_text_are_told_apart() -> None:
    cursor = seal([1], ("a", "b"))
    for scope in (("ab", ""), ("a", "b", None), ("a,b",), ("", "ab")):
        with pytest.raises(InvalidRequest):
            unseal(cursor, scope)
