"""document.text against documents whose words are known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from golden import document_samples as made
from mediakiln.model.errors import PasswordRequired
from mediakiln.operations.document.text import text
from mediakiln.ports.operation import Context

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
Read = Callable[..., tuple[str, dict[str, Any]]]


@pytest.fixture
def read(out: Path) -> Read:
    """Call document.text and hand back text.txt and text.json."""

    def call(source: Path, media_type: str, **params: Any) -> tuple[str, dict[str, Any]]:
        text.run(source, params, out, Context(media_type))
        return (out / "text.txt").read_text(), json.loads((out / "text.json").read_text())

    return call


def test_a_pdf_gives_its_pages_in_order(read: Read, tmp_path: Path) -> None:
    source = made.pdf(tmp_path / "a.pdf", ["The first page", "The second page"])
    words, found = read(source, "application/pdf")
    assert words == "The first page\n\nThe second page\n"
    assert found["pages"] == [
        {"page": 1, "text": "The first page"},
        {"page": 2, "text": "The second page"},
    ]
    assert found["metadata"] == {
        "title": "A title",
        "author": "A. Author",
        "pages": 2,
        "pages_read": 2,
        "characters": len(words),
        "words": 6,
        "language": None,
    }


def test_only_the_first_pages_are_read_on_request(read: Read, tmp_path: Path) -> None:
    source = made.pdf(tmp_path / "a.pdf", ["one", "two", "three"])
    words, found = read(source, "application/pdf", max_pages=2)
    assert words == "one\n\ntwo\n"
    assert (found["metadata"]["pages"], found["metadata"]["pages_read"]) == (3, 2)


def test_an_encrypted_pdf_needs_its_password(read: Read, tmp_path: Path) -> None:
    source = made.encrypted_pdf(tmp_path / "a.pdf")
    with pytest.raises(PasswordRequired, match="encrypted"):
        read(source, "application/pdf")
    with pytest.raises(PasswordRequired, match="wrong"):
        read(source, "application/pdf", password="guess")
    words, _ = read(source, "application/pdf", password=made.PASSWORD)
    assert words == "A secret page\n"


def test_a_docx_is_read_in_order_with_tables_headers_and_footers(
    read: Read, tmp_path: Path
) -> None:
    words, found = read(made.letter(tmp_path / "a.docx"), DOCX)
    assert words.split("\n") == [
        "Header line",
        "",
        "Überschrift",
        "First\tparagraph",
        "with a break",
        "a1\tb1",
        "a2\tb2",
        "After the table",
        "",
        "Footer line",
        "",
    ]
    assert (found["metadata"]["title"], found["metadata"]["author"]) == ("The letter", "Ada L.")
    assert found["metadata"]["pages"] is None


def test_deleted_text_is_left_out_and_text_boxes_come_once(read: Read, tmp_path: Path) -> None:
    run = "<w:r><w:t>{}</w:t></w:r>"
    body = (
        f"<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>{run.format('kept')}</w:p>"
        '<w:p><w:r><mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice><w:txbxContent>'
        f"<w:p>{run.format('box')}</w:p></w:txbxContent></mc:Choice><mc:Fallback><w:p>"
        f"{run.format('box')}</w:p></mc:Fallback></mc:AlternateContent></w:r></w:p>"
        f"<w:sdt><w:sdtContent><w:p>{run.format('control')}</w:p></w:sdtContent></w:sdt>"
    )
    words, _ = read(made.word_document(tmp_path / "a.docx", body), DOCX)
    assert words.split() == ["kept", "box", "control"]


def test_slides_come_in_the_order_they_are_shown(read: Read, tmp_path: Path) -> None:
    source = made.slides(tmp_path / "a.pptx", ["first", "second", "third"])
    words, found = read(source, "application/vnd.openxmlformats-officedocument.presentationml")
    assert words.split() == ["first", "second", "third"]
    assert found["metadata"]["pages"] == 3


def test_a_workbook_gives_rows_of_cells(read: Read, tmp_path: Path) -> None:
    words, found = read(made.workbook(tmp_path / "a.xlsx"), "application/x")
    assert words == "Prices\nApple\t1.25\nPear\ttwo\tTRUE\n"
    assert found["metadata"]["pages"] == 1


def test_an_open_document_keeps_spaces_and_tables(read: Read, tmp_path: Path) -> None:
    words, found = read(made.open_document(tmp_path / "a.odt"), "application/x")
    assert [line for line in words.split("\n") if line] == [
        "Title line",
        "One   two three",
        "c1\tc2",
    ]
    assert found["metadata"]["title"] == "Odd"


def test_a_book_is_read_along_its_spine(read: Read, tmp_path: Path) -> None:
    words, found = read(made.book(tmp_path / "a.epub"), "application/epub+zip")
    assert words.split() == ["One", "begins", "Two", "ends"]
    assert found["metadata"]["title"] == "Book"
    assert found["metadata"]["author"] == "Writer"
    assert found["metadata"]["pages"] == 2


def test_html_shows_what_a_reader_sees(read: Read, tmp_path: Path) -> None:
    source = tmp_path / "a.html"
    source.write_text(
        "<!doctype html><html><head><title>The &amp; title</title><style>p {}</style>"
        "<meta name=author content='W. Ho'></head><body><script>alert(1)</script>"
        "<h1>Head<b>line</b></h1><p>One <i>para</i>graph,\n   folded.<br>Next line</p>"
        "<p hidden>never</p><template>not either</template>"
        "<ul><li>a<li>b</ul><table><tr><td>c1<td>c2<tr><td>d1<td>d2</table>"
        "<pre>  kept\n    as is</pre></body></html>"
    )
    words, found = read(source, "text/html")
    assert words == (
        "Headline\n\nOne paragraph, folded.\nNext line\n\na\nb\n\nc1\tc2\nd1\td2\n\n"
        "  kept\n    as is\n"
    )
    assert (found["metadata"]["title"], found["metadata"]["author"]) == ("The & title", "W. Ho")


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("cp1252", "<meta charset=iso-8859-1>"),
        ("cp1251", '<meta http-equiv="content-type" content="text/html; charset=windows-1251">'),
        ("shift_jis", "<meta charset='Shift_JIS'>"),
    ],
)
def test_html_is_decoded_as_browsers_do(
    read: Read, tmp_path: Path, encoding: str, head: str
) -> None:
    sentence = {"cp1251": "Привет, мир", "shift_jis": "日本語のテキスト"}.get(encoding, "Größe “ß”")
    source = tmp_path / "a.html"
    source.write_bytes(f"<html><head>{head}</head><body>{sentence}</body></html>".encode(encoding))
    assert read(source, "text/html")[0] == f"{sentence}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_plain_text_is_decoded_whatever_its_encoding(
    read: Read, tmp_path: Path, encoding: str
) -> None:
    lines = ["Falsches Üben von Xylophonmusik quält jeden größeren Zwerg."] * 4
    source = tmp_path / "a.txt"
    source.write_bytes("\r\n".join(lines).encode(encoding))
    assert read(source, "text/plain")[0] == "\n".join(lines) + "\n"


def test_csv_and_json_stay_what_they_are(read: Read, tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text('a,b\n1,"x, y"\n')
    assert read(source, "text/csv")[0] == 'a,b\n1,"x, y"\n'
    source.write_text('{"a": [1, 2]}')
    assert read(source, "application/json")[0] == '{"a": [1, 2]}\n'


def test_rtf_gives_its_words(read: Read, tmp_path: Path) -> None:
    source = tmp_path / "a.rtf"
    source.write_bytes(rb"{\rtf1\ansi\ansicpg1252 Gr\'f6\'dfe {\b bold}\par next\par}")
    assert read(source, "text/rtf")[0] == "Größe bold\nnext\n"


def test_xml_gives_its_text_without_its_tags(read: Read, tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    source.write_text("<a><b>one</b>\n  <c>two\n words</c></a>")
    assert read(source, "application/xml")[0] == "one\ntwo words\n"


def test_one_form_alone_can_be_asked_for(out: Path, tmp_path: Path) -> None:
    source = made.pdf(tmp_path / "a.pdf", ["one"])
    products = text.run(source, {"format": "json"}, out, Context("application/pdf"))
    assert [(p.file, p.media_type) for p in products] == [("text.json", "application/json")]
    assert [p.name for p in out.iterdir()] == ["text.json"]


@pytest.mark.parametrize(
    ("file", "media_type", "phrase"),
    [
        ("tracemonkey.pdf", "application/pdf", "alternative compilation technique for dynamically"),
        ("testPPT_various2.pptx", "application/x", "This is some content"),
        ("testODT-TIKA-6000.odt", "application/x", "utilisation de Koha"),
        ("testEPUB_multi-metadata-vals.epub", "application/x", "Joseph Conrad"),
        ("testRTFVarious.rtf", "text/rtf", "ゾルゲと尾崎"),
        ("pic.xlsx", "application/x", "\u041b\u0438\u0441\u04422"),
    ],
)
def test_real_documents_say_what_they_say(
    read: Read, samples: Path, file: str, media_type: str, phrase: str
) -> None:
    words, _ = read(samples / "samples" / "document" / file, media_type)
    assert phrase in " ".join(words.split())
