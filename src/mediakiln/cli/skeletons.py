"""What `mediakiln new` writes: an operation that works and keeps the contract from the start."""

OPERATION = '''\
"""`$name`: say here what it makes of a file."""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from mediakiln.model.errors import BadMedia
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.ports.operation import Params, operation


class $params(Params):
    """What a recipe may set."""

    block_bytes: int = Field(default=4096, ge=1, le=1_048_576, description="Bytes of one block.")


@operation("$name", Kind.$kind, accepts=["$accepts"], produces=["application/json"])
def $verb(source: Path, params: $params, out: Path) -> Iterable[Product]:
    """Count the file's blocks.

    Raises:
        BadMedia: the file is empty.
    """
    size = source.stat().st_size
    if size == 0:
        raise BadMedia("the file is empty")
    facts = {"bytes": size, "blocks": -(-size // params.block_bytes)}
    (out / "facts.json").write_text(json.dumps(facts))
    yield Product(file="facts.json", media_type="application/json", metadata=facts)
'''

TEST = '''\
"""$name keeps the contract of operations."""

from pathlib import Path

from $module import $verb
from mediakiln.testing.operation import OperationContract, Sample


def _sample(folder: Path) -> Path:
    path = folder / "sample.bin"
    path.write_bytes(b"any bytes will do")
    return path


class $test(OperationContract):
    operation = $verb
    good = (Sample(_sample, "$media_type", {"block_bytes": 8}),)
    accepts_any_bytes = True  # leave out as soon as the operation decodes what it is given
'''
