"""What the settings say of addresses of images."""

from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles import derive
from mediakiln.roles.settings import Settings

LONG = ("a key of sixteen bytes or more", "another of sixteen bytes or more")


@pytest.mark.parametrize(
    ("given", "signed", "local"),
    [
        ({}, True, True),
        ({"host": "0.0.0.0"}, True, False),
        ({"images_signed": True}, True, False),
        ({"images_signed": False}, False, False),
        ({"images_signed": False, "host": "0.0.0.0"}, False, False),
    ],
)
def test_signatures_are_required_but_for_this_machine_s_own_requests(
    tmp_path: Path, given: dict[str, Any], signed: bool, local: bool
) -> None:
    rules = derive.rules(Settings(data=tmp_path, **given))
    assert (rules.signed, rules.local) == (signed, local)


def test_a_key_is_made_once_where_none_is_given(tmp_path: Path) -> None:
    first = derive.rules(Settings(data=tmp_path)).keys
    assert derive.rules(Settings(data=tmp_path)).keys == first
    assert [path.name for path in tmp_path.iterdir()] == ["images.key"]
    given = derive.rules(Settings(data=tmp_path, images_keys=LONG))
    assert given.keys == tuple(key.encode() for key in LONG)
    assert LONG[0] not in repr(given)


def test_a_key_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineMisconfigured, match="IMAGES_KEYS"):
        Settings(data=tmp_path, images_keys=("short",))


def test_every_edit_that_chains_know_can_be_asked_for_by_address(tmp_path: Path) -> None:
    edits = derive.rules(Settings(data=tmp_path)).edits
    assert {"image.resize", "image.crop", "image.rotate", "image.watermark"} <= set(edits)
