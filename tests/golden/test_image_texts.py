"""Texts that are not UTF-8, in files and in what decoders say of them."""

from pathlib import Path

import pytest
from PIL import Image

from golden import hostile_others
from golden.hostile_rasters import chunk, encoded
from golden.image_samples import saved, scene
from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.pixels import settle
from mediakiln.operations.image.pixels.codecs import adam7
from mediakiln.operations.image.shape.rotate import rotate
from mediakiln.ports.operation import Context

CONTEXT = Context("image/png")
SIGNATURE_AND_HEADER = 8 + 25


def worded(folder: Path, **options: object) -> Path:
    """A PNG whose keyword, and whose text under another, are in Latin-1, as the standard has it."""
    data = encoded("PNG", scene(96, 64), **options)
    texts = chunk(b"tEXt", "Größe\0klein".encode("latin-1"))
    texts += chunk(b"tEXt", "Title\0Grüße".encode("latin-1"))
    path = folder / "worded.png"
    path.write_bytes(data[:SIGNATURE_AND_HEADER] + texts + data[SIGNATURE_AND_HEADER:])
    return path


@pytest.mark.parametrize("metadata", ["strip", "keep"])
def test_a_png_with_texts_in_latin_1_is_worked_on(tmp_path: Path, out: Path, metadata: str) -> None:
    source = worded(tmp_path)
    (product,) = resize.run(source, {"width": 48, "metadata": metadata}, out, CONTEXT)
    with Image.open(out / product.file) as image:
        assert image.size == (48, 32)


def test_so_is_a_large_one_that_is_held(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "MEMORY_BYTES", 0)
    (product,) = rotate.run(worded(tmp_path), {"angle": 90}, out, CONTEXT)
    with Image.open(out / product.file) as image:
        assert image.size == (64, 96)


def test_so_is_a_large_interlaced_one(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adam7, "LARGE_BYTES", 0)
    source = tmp_path / "interlaced.png"
    source.write_bytes(_interlaced(worded(tmp_path)))
    (product,) = convert.run(source, {"format": "webp"}, out, CONTEXT)
    with Image.open(out / product.file) as image:
        assert image.size == (96, 64)


def test_what_a_decoder_cites_of_a_damaged_file_is_no_error_of_ours(
    tmp_path: Path, out: Path
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    source = saved(scene(96, 64), tmp_path / "turned.avif", exif=turned.tobytes())
    data = source.read_bytes()
    assert b"irot" in data
    source.write_bytes(data.replace(b"irot", b"i\xfcot"))
    with pytest.raises(BadMedia, match="damaged: Unsupported feature") as refused:
        resize.run(source, {"width": 48}, out, CONTEXT)
    assert "i\ufffdot" in refused.value.message


def _interlaced(path: Path) -> bytes:
    """The same file interlaced, with the texts that libvips would not write as they are."""
    import pyvips

    texts = path.read_bytes()[SIGNATURE_AND_HEADER:]
    end = texts.index(b"Gr\xfc\xdfe") + len("Grüße") + 4
    image: bytes = pyvips.Image.new_from_array(scene(96, 64)).pngsave_buffer(interlace=True)
    return image[:SIGNATURE_AND_HEADER] + texts[:end] + image[SIGNATURE_AND_HEADER:]


def test_a_heif_of_an_unknown_coding_is_told_in_our_words(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "uncompressed.heif"
    source.write_bytes(hostile_others.heif(b"heic", kind=b"unci"))
    with pytest.raises(BadMedia, match="coded in a way that is not decoded here"):
        resize.run(source, {"width": 48}, out, CONTEXT)
