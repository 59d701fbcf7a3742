"""Operations that misbehave on command, to try a runner with.

`ForkRunner(operations="mediakiln.testing.mock_operations:OPERATIONS")` has them beside the
installed ones.
"""

from mediakiln.ports.operation import Operation
from mediakiln.testing.mock_operations.failing import (
    abort,
    allocate,
    bad_media,
    eat_memory,
    exit_,
    fill_scratch,
    flaky,
    fork_bomb,
    hang,
    raise_,
    segfault,
    spawn,
    spawn_and_hang,
    spin,
)
from mediakiln.testing.mock_operations.hostile import (
    connect,
    hold,
    lie,
    lurk,
    name_product,
    read_file,
    symlink_product,
    tamper,
    write_outside,
)
from mediakiln.testing.mock_operations.plain import (
    ask,
    copy,
    environment,
    fill_and_keep,
    needs_thread,
    needs_vips,
    only_text,
    sleep,
)

OPERATIONS: tuple[Operation, ...] = (
    abort, allocate, ask, bad_media, connect, copy, eat_memory, environment, exit_,
    fill_and_keep, fill_scratch, flaky, fork_bomb, hang, hold, lie, lurk, name_product,
    needs_thread, needs_vips, only_text, raise_, read_file, segfault, sleep, spawn,
    spawn_and_hang, spin, symlink_product, tamper, write_outside,
)  # fmt: skip
