"""Fixtures of the golden tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.product import Product
from mediakiln.operations.image.edit.resize import resize
from mediakiln.ports.operation import Context, Operation

Resize = Callable[..., tuple[Path, Product]]
Made = Callable[..., tuple[Path, Product]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def resized(out: Path) -> Resize:
    """Call image.resize and hand back its only product's path and description."""

    def call(source: Path, **params: Any) -> tuple[Path, Product]:
        (product,) = resize.run(source, params, out, Context("image/x", threads=1))
        return out / product.file, product

    return call


@pytest.fixture
def made(out: Path) -> Made:
    """Call an operation and hand back its only product's path and description."""

    def call(operation: Operation, source: Path, **params: Any) -> tuple[Path, Product]:
        (product,) = operation.run(source, params, out, Context("image/x", threads=1))
        return out / product.file, product

    return call
