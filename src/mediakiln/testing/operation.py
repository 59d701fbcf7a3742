"""What every operation must do, whoever wrote it.

    class TestMyOperation(OperationContract):
        operation = my_operation
        good = (Sample("tests/data/one.png", "image/png", {"width": 10}),)
        bad = (Sample("tests/data/broken.png", "image/png", {"width": 10}),)

Every sample is a file; `path` may also be a function that makes one in a given folder. The
operation runs in this process, so give it only files that it survives.
"""

import fnmatch
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mediakiln.model.errors import InvalidRecipe, MediakilnError
from mediakiln.model.product import Product
from mediakiln.ports.operation import Context, Operation, OperationSet

ODD_NAMES = (
    "no extension",
    "brackets [page=1,n=-1].bin",
    "-dash.bin",
    "quote ' and \" and $HOME `id`.bin",
    "n\u00e4me \u4e2d\u6587 \u202egnp.bin",
    "percent %d %2e%2e.bin",
    "line\nbreak.bin",
)
"""Names that programs have taken for options, patterns, addresses or commands."""


@dataclass(frozen=True)
class Sample:
    """A source file, its media type, and the parameters to work on it with."""

    path: str | Path | Callable[[Path], Path]
    media_type: str
    params: Mapping[str, Any] = field(default_factory=dict)


class OperationContract:
    """Subclass it with `operation`, `good` and `bad` samples; pytest runs the rest."""

    operation: ClassVar[Operation]
    good: ClassVar[Sequence[Sample]]
    bad: ClassVar[Sequence[Sample]] = ()
    deterministic: ClassVar[bool] = True
    """False states that equal input and parameters may give other bytes."""
    accepts_any_bytes: ClassVar[bool] = False
    """True for operations that random bytes are good input to."""
    commands: ClassVar[Mapping[str, Any]] = {}
    """The context's command table."""
    models: Mapping[str, Any] = {}
    """The context's models; a fixture may set it."""
    credentials: Mapping[str, Any] = {}
    """The context's credentials; a fixture may set it."""

    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        """The empty folder that the operation writes to."""
        folder = tmp_path / "out"
        folder.mkdir()
        return folder

    def test_it_is_described(self) -> None:
        item = self.operation
        assert item.summary, "the function needs a docstring: its first line is the summary"
        assert item.accepts
        assert item.produces
        assert item.version >= 1
        assert all(pattern == pattern.lower() and "/" in pattern for pattern in item.accepts)
        described = json.loads(json.dumps(item.describe()))
        assert described["parameters"]["type"] == "object"

    def test_every_parameter_is_described_and_bounded(self) -> None:
        schema = self.operation.params.model_json_schema()
        for path, leaf in _leaves(schema):
            assert leaf.get("description"), f"{path} has no description"
            for kind in _alternatives(leaf, schema):
                if kind.get("type") in {"integer", "number"} and "enum" not in kind:
                    assert {"minimum", "exclusiveMinimum"} & set(kind), f"{path} has no least value"
                    assert {"maximum", "exclusiveMaximum"} & set(kind), (
                        f"{path} has no greatest value"
                    )

    def test_an_unknown_parameter_is_refused_by_name(self) -> None:
        params = {**self.good[0].params, "no_such_parameter": 1}
        with pytest.raises(InvalidRecipe) as refused:
            self.operation.parse(params)
        assert "no_such_parameter" in str(refused.value)
        assert refused.value.context["field"] == "no_such_parameter"

    def test_canonical_parameters_are_json_and_stable(self) -> None:
        for sample in self.good:
            once = self.operation.canonical(sample.params)
            assert json.loads(json.dumps(once)) == once
            assert self.operation.canonical(once) == once

    def test_it_accepts_what_its_good_samples_are(self) -> None:
        for sample in self.good:
            assert self.operation.takes(sample.media_type), sample.media_type

    def test_products_are_declared_files_in_the_out_folder(self, out: Path, tmp_path: Path) -> None:
        for number, sample in enumerate(self.good):
            folder = out / str(number)
            folder.mkdir()
            products = self._run(sample, _materialised(sample, tmp_path), folder)
            assert products, "a good sample must give a product"
            _check_products(self.operation, products, folder)

    def test_the_source_is_left_as_it_was(self, out: Path, tmp_path: Path) -> None:
        source = _copied(self.good[0], tmp_path / "only" / "source.bin", tmp_path)
        source.chmod(0o400)
        before = _digest(source)
        self._run(self.good[0], source, out)
        assert _digest(source) == before
        assert list(source.parent.iterdir()) == [source], "something was left beside the source"

    def test_equal_work_gives_equal_bytes(self, tmp_path: Path) -> None:
        if not self.deterministic:
            pytest.skip("the operation states that it is not deterministic")
        for sample in self.good:
            source = _materialised(sample, tmp_path)
            results = []
            for attempt in ("first", "second"):
                folder = tmp_path / f"{attempt}-{len(list(tmp_path.iterdir()))}"
                folder.mkdir()
                products = self._run(sample, source, folder)
                results.append([(p, _digest(folder / p.file)) for p in products])
            assert results[0] == results[1]

    def test_the_working_directory_does_not_matter(
        self, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = _copied(self.good[0], tmp_path / "source.bin", tmp_path)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        assert self._run(self.good[0], source, out)
        assert not list(elsewhere.iterdir()), "something was written to the working directory"

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_are_only_names(self, name: str, out: Path, tmp_path: Path) -> None:
        source = _copied(self.good[0], tmp_path / "odd" / name, tmp_path)
        products = self._run(self.good[0], source, out)
        _check_products(self.operation, products, out)

    def test_a_name_that_is_not_unicode_is_only_a_name(self, out: Path, tmp_path: Path) -> None:
        source = _copied(self.good[0], tmp_path / os.fsdecode(b"latin-\xe9.bin"), tmp_path)
        assert self._run(self.good[0], source, out)

    def test_bad_files_end_in_a_stable_error_and_leave_nothing(
        self, out: Path, tmp_path: Path
    ) -> None:
        for sample in self.bad:
            self._refused(sample, _materialised(sample, tmp_path), out)

    def test_an_empty_file_is_refused(self, out: Path, tmp_path: Path) -> None:
        empty = tmp_path / "empty.bin"
        empty.touch()
        self._refused(self.good[0], empty, out)

    def test_random_bytes_are_refused(self, out: Path, tmp_path: Path) -> None:
        if self.accepts_any_bytes:
            pytest.skip("the operation states that any bytes are good input")
        noise = tmp_path / "noise.bin"
        noise.write_bytes(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)))
        self._refused(self.good[0], noise, out)

    def test_it_is_installed_under_its_name(self) -> None:
        if self.operation.name in OperationSet.installed():
            assert OperationSet.installed().get(self.operation.name) is self.operation
        else:
            pytest.fail(f"no entry point of the group mediakiln.operations is {self.operation}")

    def _run(self, sample: Sample, source: Path, out: Path) -> list[Product]:
        context = Context(
            sample.media_type,
            name=source.name,
            commands=self.commands,
            models=self.models,
            credentials=self.credentials,
        )
        return self.operation.run(source, sample.params, out, context)

    def _refused(self, sample: Sample, source: Path, out: Path) -> None:
        with pytest.raises(MediakilnError) as refused:
            self._run(sample, source, out)
        error = refused.value
        assert type(error) is not MediakilnError, "the bare base class says nothing"
        assert not error.retryable, f"{error.code}: the same file gives the same error again"
        assert error.message
        assert str(source.parent) not in error.message, "the message tells where files are kept"
        assert not list(out.rglob("*")), f"{error.code}: left {list(out.rglob('*'))}"


def _check_products(item: Operation, products: Sequence[Product], out: Path) -> None:
    files = [product.file for product in products]
    assert len(set(files)) == len(files), "two products have one name"
    for product in products:
        path = out / product.file
        assert not Path(product.file).is_absolute()
        assert path.resolve().is_relative_to(out.resolve()), f"{product.file} is outside"
        assert path.is_file(), f"{product.file} was announced and is not there"
        assert not path.is_symlink()
        assert any(fnmatch.fnmatchcase(product.media_type, each) for each in item.produces), (
            f"{product.media_type} is not among what it declares to produce"
        )
        json.dumps(product.metadata)
    left = {str(path.relative_to(out)) for path in out.rglob("*") if not path.is_dir()}
    assert left == set(files), f"not announced: {left - set(files)}"


def _materialised(sample: Sample, folder: Path) -> Path:
    if isinstance(sample.path, str | Path):
        return Path(sample.path).absolute()
    made = folder / f"sample-{len(list(folder.iterdir()))}"
    made.mkdir()
    return sample.path(made)


def _copied(sample: Sample, target: Path, scratch: Path) -> Path:
    made = _materialised(sample, scratch)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(made.read_bytes())
    return target


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _leaves(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field of the parameters and of the models inside them."""
    models = {"": schema, **schema.get("$defs", {})}
    for name, model in models.items():
        for key, leaf in model.get("properties", {}).items():
            yield f"{name}.{key}".lstrip("."), leaf


def _alternatives(leaf: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a field may be: itself, the members of its unions, the items of its lists."""
    for kind in (leaf, *leaf.get("anyOf", ()), *leaf.get("oneOf", ())):
        if kind is not leaf and ({"anyOf", "oneOf"} & set(kind)):
            yield from _alternatives(kind, schema)
        yield dict(kind)
        items = kind.get("items")
        if isinstance(items, dict):
            yield from _alternatives(items, schema)
        yield from (dict(each) for each in kind.get("prefixItems", ()))
