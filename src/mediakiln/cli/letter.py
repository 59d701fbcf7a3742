"""A one-page PDF with text in it, written by hand: no library here writes text.

PDF 1.4 with the standard fonts, which every reader has (ISO 32000-1, 9.6.2.2).
"""

import textwrap
from pathlib import Path

_TITLE = "How to fire a kiln"
_TEXT = """\
Dear reader,

A kiln takes in whatever was shaped by hand and gives it back hard, glazed and ready for the
table. It asks three things of the potter: that the clay is dry, that the heat rises slowly, and
that nobody opens the door before its time.

Stack the heavy pieces low and the thin ones high. Leave a finger's width between them, since
glaze that touches glaze will never part again. Raise the heat by no more than one hundred
degrees an hour until the water is gone, then let it climb to one thousand two hundred and
forty.

Write down what you did: the clay, the glaze, the hour and the heat. A good firing that cannot
be repeated is only luck, and luck breaks more pots than haste.

When the cone bends, close the damper and go to bed. Tomorrow, when the bricks are cool enough
to touch, open the door and see what you have made.

With warm regards,

The keeper of the kiln
"""
_PAGE = b"""<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R
/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>"""
_LEFT, _TOP, _LEADING, _COLUMNS = 72, 760, 17, 82


def write_letter(target: Path) -> None:
    """Write the letter: A4, a title and seven paragraphs, title and author in its properties."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        _stream(_page()),
        _font("Times-Bold"),
        _font("Times-Roman"),
        f"<< /Title ({_TITLE}) /Author (mediakiln) /CreationDate (D:20260101120000Z) >>".encode(),
    ]
    target.write_bytes(_file(objects))


def _page() -> str:
    """The page's drawing operators: each line placed by its own origin."""
    shown = [f"/F1 22 Tf 1 0 0 1 {_LEFT} {_TOP} Tm ({_TITLE}) Tj", "/F2 12 Tf"]
    y = _TOP - 44
    for paragraph in _TEXT.split("\n\n"):
        for line in textwrap.wrap(paragraph, _COLUMNS):
            shown.append(f"1 0 0 1 {_LEFT} {y} Tm ({_escaped(line)}) Tj")
            y -= _LEADING
        y -= _LEADING // 2
    rule = f"0.88 0.38 0.17 RG 1.5 w {_LEFT} {_TOP - 14} m 523 {_TOP - 14} l S"
    return f"{rule}\nBT\n" + "\n".join(shown) + "\nET\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _stream(text: str) -> bytes:
    data = text.encode("ascii")
    return b"<< /Length %d >>\nstream\n%sendstream" % (len(data), data)


def _font(name: str) -> bytes:
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
    )


def _file(objects: list[bytes]) -> bytes:
    """Header, numbered objects, the table of where each begins, trailer."""
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    starts = []
    for number, content in enumerate(objects, start=1):
        starts.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % start for start in starts)
    body += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    body += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(body)
