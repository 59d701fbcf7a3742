"""Blocks on their way to a file."""

from mediakiln.adapters.object_store.chunks import BLOCK, Blocks


def test_all_writers_together_gather_no_more_than_some_of_them() -> None:
    blocks = Blocks()
    sizes = []
    for _ in range(300):
        blocks.join()
        sizes.append(blocks.size)
    assert sizes[:16] == [BLOCK] * 16
    assert sizes[99] * 100 <= 16 * BLOCK
    assert min(sizes) == 64 << 10
    for _ in range(299):
        blocks.leave()
    assert blocks.size == BLOCK
