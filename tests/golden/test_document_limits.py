"""Documents that would unpack, expand or read too much end in a stable error, soon."""

import time
import zipfile
from pathlib import Path

import pytest

from golden import document_samples as made
from mediakiln.model.errors import (
    BadMedia,
    LimitExceeded,
    MediakilnError,
    PasswordRequired,
    UnsupportedMedia,
)
from mediakiln.model.product import Product
from mediakiln.operations.document import archive, extracted, limits
from mediakiln.operations.document.text import text
from mediakiln.ports.operation import Context


def _read(source: Path, out: Path, media_type: str = "application/x", **params: object) -> str:
    text.run(source, params, out, Context(media_type, max_frames=50))
    return (out / "text.txt").read_text()


def test_a_zip_bomb_is_refused_before_it_unpacks(out: Path, tmp_path: Path) -> None:
    body = "<w:p/>" + " " * 40_000_000
    source = made.word_document(tmp_path / "bomb.docx", body)
    assert source.stat().st_size < 100_000
    with pytest.raises(LimitExceeded, match="times its size") as refused:
        _read(source, out)
    assert refused.value.context["value"] > refused.value.context["limit"] == archive.MAX_RATIO


def test_a_part_too_large_to_parse_is_refused(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_PART_BYTES", 1000)
    source = made.word_document(tmp_path / "large.docx", "<w:p/>" * 500)
    with pytest.raises(LimitExceeded, match=r"word/document\.xml"):
        _read(source, out)


def test_too_many_parts_are_refused(out: Path, tmp_path: Path) -> None:
    parts = {f"p{n}": b"" for n in range(archive.MAX_ENTRIES + 1)}
    with pytest.raises(LimitExceeded, match="parts"):
        _read(made.zipped(tmp_path / "many.docx", parts), out)


def test_a_directory_that_lies_about_sizes_is_caught(out: Path, tmp_path: Path) -> None:
    source = made.word_document(tmp_path / "liar.docx", "<w:p/>" * 5000)
    with zipfile.ZipFile(source) as file:
        info = file.getinfo("word/document.xml")
    data = source.read_bytes()
    real = info.file_size.to_bytes(4, "little")
    source.write_bytes(data.replace(real, (100).to_bytes(4, "little")))
    with pytest.raises(BadMedia):
        _read(source, out)


def test_an_external_entity_is_not_resolved(out: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    source = tmp_path / "a.xml"
    source.write_text(
        f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]><a>before &e; after</a>'
    )
    assert _read(source, out, "application/xml").split() == ["before", "after"]


def test_entities_that_multiply_do_not(out: Path, tmp_path: Path) -> None:
    layers = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    source = tmp_path / "a.xml"
    source.write_text(f'<!DOCTYPE a [<!ENTITY a0 "ha">{layers}]><a>&a11;</a>')
    start = time.process_time()
    with pytest.raises(BadMedia, match="amplification"):
        _read(source, out, "application/xml")
    assert time.process_time() - start < 1


def test_xml_nested_too_deep_is_bad_media(out: Path, tmp_path: Path) -> None:
    source = made.word_document(tmp_path / "deep.docx", "<w:p>" * 5000 + "</w:p>" * 5000)
    with pytest.raises(BadMedia, match="depth"):
        _read(source, out)


def test_more_pages_than_the_operator_allows_are_refused_with_a_hint(
    out: Path, tmp_path: Path
) -> None:
    source = made.pdf(tmp_path / "a.pdf", ["page"] * 51)
    with pytest.raises(LimitExceeded) as refused:
        _read(source, out, "application/pdf")
    assert refused.value.context["hint"] == "set max_pages to at most 50"
    assert _read(source, out, "application/pdf", max_pages=50).split() == ["page"] * 50


def test_more_text_than_is_allowed_is_refused(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracted, "MAX_CHARACTERS", 30)
    source = made.pdf(tmp_path / "a.pdf", ["twelve chars"] * 3)
    with pytest.raises(LimitExceeded, match="characters"):
        _read(source, out, "application/pdf")
    assert list(out.iterdir()) == []


def test_a_text_file_too_large_to_read_is_refused(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_TEXT_BYTES", 10)
    source = tmp_path / "a.txt"
    source.write_text("eleven char")
    with pytest.raises(LimitExceeded, match="11 bytes"):
        _read(source, out, "text/plain")


def test_encrypted_office_files_ask_for_a_password(out: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.docx"
    source.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(PasswordRequired):
        _read(source, out)


@pytest.mark.parametrize(
    ("content", "media_type", "kind"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "application/msword", UnsupportedMedia),
        (b"%PDF-1.7\nnothing else", "application/pdf", BadMedia),
        (b"no header at all", "application/pdf", BadMedia),
        (b"PK\x03\x04 cut off", "application/x", BadMedia),
        (bytes(range(256)) * 40, "text/plain", BadMedia),
        (b"<a><b></a>", "application/xml", BadMedia),
    ],
)
def test_what_cannot_be_read_says_so(
    out: Path, tmp_path: Path, content: bytes, media_type: str, kind: type[MediakilnError]
) -> None:
    source = tmp_path / "file"
    source.write_bytes(content)
    with pytest.raises(kind):
        _read(source, out, media_type)
    assert list(out.iterdir()) == []


def test_a_zip_that_is_no_document_is_unsupported(out: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia):
        _read(made.zipped(tmp_path / "a.zip", {"readme.txt": "hello"}), out)


def test_every_malformed_sample_ends_in_a_product_or_a_stable_error(
    samples: Path, tmp_path: Path
) -> None:
    for number, source in enumerate(sorted((samples / "malformed" / "document").iterdir())):
        out = tmp_path / str(number)
        out.mkdir()
        start = time.monotonic()
        products, error = _worked(source, out)
        assert error is None or not error.retryable, source.name
        assert {p.name for p in out.iterdir()} == {p.file for p in products}, source.name
        assert time.monotonic() - start < 20, source.name


def _worked(source: Path, out: Path) -> tuple[list[Product], MediakilnError | None]:
    try:
        return text.run(source, {}, out, Context("application/pdf")), None
    except MediakilnError as error:
        return [], error
