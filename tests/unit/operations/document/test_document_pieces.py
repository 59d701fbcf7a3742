"""Tidying text, guessing encodings, and following a package's relations."""

from pathlib import Path

import pytest

from golden.document_samples import relations, zipped
from mediakiln.model.errors import BadMedia
from mediakiln.operations.document.archive import open_archive
from mediakiln.operations.document.charset import decode
from mediakiln.operations.document.extracted import Extracted, Page, clean, tidy

RUSSIAN = (
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u044d\u0442\u043e \u043e\u0431\u044b\u0447"
    "\u043d\u044b\u0439 "
    "\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0442\u0435\u043a\u0441\u0442 "
    "\u0434\u043b\u044f \u043f\u0440\u043e\u0432\u0435\u0440\u043a\u0438."
)


@pytest.mark.parametrize(
    ("raw", "tidied"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("\n\n a  \n\n\n\nb\n", " a\n\nb"),
        ("a\x00b\x07c\ufeff", "abc"),
        ("a\ud800b", "ab"),
        ("tab\tstays", "tab\tstays"),
        ("page\fbreak", "page\n\nbreak"),
    ],
)
def test_text_is_tidied(raw: str, tidied: str) -> None:
    assert tidy(raw) == tidied


def test_empty_pages_leave_no_gap() -> None:
    assert Extracted((Page(1, "a"), Page(2, ""), Page(3, "b"))).text == "a\n\nb\n"
    assert Extracted((Page(1, ""),)).text == ""


def test_titles_are_one_line_or_none() -> None:
    assert clean("  a\n b ") == "a b"
    assert clean(" \n") is None
    assert len(clean("x" * 900) or "") == 500


@pytest.mark.parametrize(
    ("sentence", "encoding"),
    [
        ("Le café était fermé, où êtes-vous allés cet été? Ça va très bien.", "cp1252"),
        ("Zażółć gęślą jaźń, proszę państwa, to jest test.", "cp1250"),
        (RUSSIAN, "cp1251"),
        ("日本語のテキストはここにあります。これは文字コードのテストです。", "shift_jis"),
        ("日本語のテキストはここにあります。これは文字コードのテストです。", "euc_jp"),
        ("Plain words, nothing else.", "utf-16-be"),
    ],
)
def test_encodings_are_guessed_by_content(sentence: str, encoding: str) -> None:
    assert decode(sentence.encode(encoding)) == sentence


def test_a_wrong_declaration_is_not_believed() -> None:
    assert decode("Größe".encode(), "ascii") != "Größe", "a page that says ASCII means cp1252"
    assert decode("Größe ☃".encode(), "no-such-code") == "Größe ☃"
    assert decode("日本".encode(), "shift_jis") != ""


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadMedia):
        decode(bytes(range(32)) * 100)


def test_relations_resolve_inside_the_package_only(tmp_path: Path) -> None:
    listed = relations(
        {
            "a": ("slide", "slides/one.xml"),
            "b": ("image", "/media/two.png"),
            "c": ("theme", "../../../../etc/passwd"),
        }
    ).replace("</Rel", '<Relationship Id="d" Target="http://x/" TargetMode="External"/></Rel', 1)
    source = zipped(tmp_path / "a.zip", {"ppt/_rels/main.xml.rels": listed})
    with open_archive(source) as archive:
        assert archive.relations("ppt/main.xml") == {
            "a": ("slide", "ppt/slides/one.xml"),
            "b": ("image", "media/two.png"),
            "c": ("theme", "etc/passwd"),
        }
        assert "etc/passwd" not in archive
