"""JPEG XL headers are read by hand, before the decoder sees the file."""

import pytest

from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.pixels.codecs import jxl_header

FTYP = "00000014667479706a786c20000000006a786c20"
# First bytes of what libjxl 0.11 made of pictures of 200 x 300 and 1000 x 17 pixels.
HEADS = {
    "lossless": ("ff0a58098e8148", 200, 300, (1, 13)),
    "lossy": ("ff0a58098e0d", 200, 300, (1, 13)),
    "alpha in a container": (
        f"{jxl_header.CONTAINER.hex()}{FTYP}0000084c6a786c63ff0a8080ce07d809",
        1000,
        17,
        (1, 13),
    ),
    "grey": ("ff0a8080ce07088a1b", 1000, 17, (1, 13)),
    "16 bits of linear light": ("ff0a58098ee127a168", 200, 300, (1, 8)),
}


@pytest.mark.parametrize("name", HEADS)
def test_size_and_colours_are_known_from_the_head(name: str) -> None:
    head, width, height, colours = HEADS[name]
    found = jxl_header.parse(bytes.fromhex(head))
    assert (found.width, found.height, found.colours) == (width, height, colours)


def _packed(*fields: tuple[int, int]) -> bytes:
    """(bits, value) pairs, lowest bit first, after the codestream's mark."""
    value = at = 0
    for bits, number in fields:
        value |= number << at
        at += bits
    return b"\xff\x0a" + value.to_bytes(32, "little")


def test_display_p3_is_known_and_an_embedded_profile_is_not() -> None:
    size = ((1, 1), (5, 7), (3, 1))
    depth = ((1, 0), (1, 0), (1, 0), (2, 0), (1, 1), (2, 0))
    p3 = ((1, 0), (1, 0), (2, 0), (2, 1), (2, 2), (4, 9), (1, 0), (2, 2), (4, 11))
    found = jxl_header.parse(_packed(*size, *depth, (1, 1), *p3))
    assert found == jxl_header.Header(64, 64, (12, 13))
    profiled = ((1, 0), (1, 1), (2, 0))
    assert jxl_header.parse(_packed(*size, *depth, (1, 0), *profiled)).colours is None
    mixed = jxl_header.parse(_packed(*size, *depth, (1, 1), *profiled))
    assert mixed.colours == (1, 8), "without colour management it is decoded to light"


def test_primaries_of_its_own_are_known() -> None:
    size = ((1, 1), (5, 7), (3, 1))
    depth = ((1, 0), (1, 0), (1, 0), (2, 0), (1, 1), (2, 0))
    custom = ((1, 0), (1, 0), (2, 0), (2, 1), (2, 2), (4, 0))
    corners = ((0.68, 0.32), (0.265, 0.69), (0.15, -0.0005))
    numbers: list[tuple[int, int]] = []
    for value in (round(part * 1_000_000) for corner in corners for part in corner):
        packed = value * 2 if value >= 0 else -value * 2 - 1
        option, bits, offset = (
            (0, 19, 0) if packed < 524_288 else (1, 19, 524_288) if packed < 1_048_576
            else (2, 20, 1_048_576)
        )  # fmt: skip
        numbers += [(2, option), (bits, packed - offset)]
    ending = ((1, 0), (2, 2), (4, 11))
    head = _packed(*size, *depth, (1, 1), *custom, *numbers, *ending)
    assert jxl_header.parse(head) == jxl_header.Header(64, 64, (2, 13), corners)


@pytest.mark.parametrize("head", [b"", b"\xff\x0a", b"\xff\x0a\x00", jxl_header.CONTAINER])
def test_a_head_that_ends_too_early_is_damaged(head: bytes) -> None:
    with pytest.raises(BadMedia):
        jxl_header.parse(head)
