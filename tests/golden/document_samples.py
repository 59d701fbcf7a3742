"""Small documents: written by python-docx, or by hand from their formats' descriptions."""

import base64
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import docx

PASSWORD = "kiln"
# One page that says "A secret page", encrypted with RC4 (revision 3) by pypdf.
_ENCRYPTED = (
    "c-oCpzmL-}6rS+}E0YI0a`EptQt5ELR-6uWRSPEpy1{XtOHoNqiF>+(nZE!eMivHEHW(S07#NsYK#1YQ$iRk^mR>"
    "{|h-}IJ-uJ!t<@t3+JHxAVi=)n$uOB}liU}^#2dLXc(Wor4g@qD#T|ykBjOet7dOZYrR&!X3d+YQFa5OSgs8G}|7"
    "P-e1MSHWX!uPNU#4$c>N%@AfZ@ifoQ?$&1>)hj(K>V{7ipEeCi_!)~9T^s(Zgarr#2Q4=WRd#jT7$vbwyB_@N7rF"
    "~41Q)!U2eIen~=@Sc5xESlP%J0MhK>1AJ!I22+F0$@VB`S*9yzOJj<5n8<0=^eJofVuY3vSA^P#;+nZ}2xPm(`uX"
    "NtN7@WQO_5P=R{Oo!E?z>A*FPwdTefi?}AUgiOTW4H}R=HIx_W@?15ty&5P^N>)P%IINidhoE!`a-2my9Of<e4cm"
    "6z$`#)maMRQLVKxwVWy%TT7HAB$iYYVkIz;Oc+o?5$mjSI!r;Pjbn+lGBoNo?rKh0oH><BL$pv5IB+6WLIpL-#)9"
    "e836LNlmf8ra1R>$BoO6ayqT3^NQi4MS$B3*ytfb@;JG{ndXlxV7&oP;7V3g`jOvM`*7n_*it$e;TvpJMauP3ud5"
    "bQ<cqVSk62VggM1*WU>P8gZ4woZhW#@tv!jABf4#)V6m;Yw<0djCTSgEq)*d3xlr`ZHOTH>Gcyq@+Nd&R~Ctego}"
    "Y0|o"
)

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_CORE = "http://purl.org/dc/elements/1.1/"


def pdf(
    path: Path, pages: Sequence[str], title: str = "A title", author: str = "A. Author"
) -> Path:
    """A PDF without compression, one line of Helvetica a page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, line in enumerate(pages):
        stream = f"BT /F 12 Tf 10 50 Td ({line}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 100] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) /Author ({author}) >>")
    body = "%PDF-1.4\n"
    offsets = []
    for n, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{n} 0 obj\n{text}\nendobj\n"
    start, size = len(body), len(objects) + 1
    body += f"xref\n0 {size}\n0000000000 65535 f \n"
    body += "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    body += (
        f"trailer << /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\nstartxref\n{start}\n%%EOF"
    )
    path.write_bytes(body.encode("latin-1"))
    return path


def encrypted_pdf(path: Path) -> Path:
    """A PDF that `PASSWORD` opens."""
    path.write_bytes(zlib.decompress(base64.b85decode(_ENCRYPTED)))
    return path


def letter(path: Path) -> Path:
    """A DOCX with header, footer, heading, table, tab, break, and a link."""
    document = docx.Document()
    document.core_properties.title = "The letter"
    document.core_properties.author = "Ada L."
    document.sections[0].header.paragraphs[0].text = "Header line"
    document.sections[0].footer.paragraphs[0].text = "Footer line"
    document.add_heading("Überschrift", 1)
    document.add_paragraph("First\tparagraph\nwith a break")
    table = document.add_table(rows=2, cols=2)
    for row, words in zip(table.rows, (("a1", "b1"), ("a2", "b2")), strict=True):
        for cell, word in zip(row.cells, words, strict=True):
            cell.text = word
    document.add_paragraph("After the table")
    document.save(str(path))
    return path


def zipped(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A zip file of these parts, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


def office(path: Path, main: str, kind: str, parts: Mapping[str, str | bytes]) -> Path:
    """An OPC package whose main part is of this content type."""
    given = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Override PartName="/{main}" ContentType="{kind}"/></Types>',
        "_rels/.rels": relations({"r1": ("officeDocument", main)}),
    }
    return zipped(path, {**given, **parts})


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    """A relations part: id to (type's last word, target)."""
    items = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{items}</Relationships>'


def word_document(path: Path, body: str) -> Path:
    """A DOCX with this body and nothing else."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    markup = f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>'
    return office(path, "word/document.xml", kind, {"word/document.xml": markup})


def slides(path: Path, texts: Sequence[str]) -> Path:
    """A PPTX whose slides are stored in the reverse of the order they are shown in."""
    draw = "http://schemas.openxmlformats.org/drawingml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    order = "".join(f'<sldId r:id="s{n}"/>' for n in range(len(texts)))
    parts: dict[str, str | bytes] = {
        "ppt/presentation.xml": f'<presentation xmlns:r="{OFFICE}">{order}</presentation>',
        "ppt/_rels/presentation.xml.rels": relations(
            {f"s{n}": ("slide", f"slides/slide{len(texts) - n}.xml") for n in range(len(texts))}
        ),
    }
    for n, text in enumerate(texts):
        parts[f"ppt/slides/slide{len(texts) - n}.xml"] = (
            f'<a:sld xmlns:a="{draw}"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:sld>'
        )
    return office(path, "ppt/presentation.xml", kind, parts)


def workbook(path: Path) -> Path:
    """An XLSX of one sheet with shared, inline, numeric and boolean cells."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    return office(
        path,
        "xl/workbook.xml",
        kind,
        {
            "xl/workbook.xml": f'<workbook xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="Prices" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relations(
                {"r1": ("worksheet", "worksheets/one.xml"), "r2": ("sharedStrings", "shared.xml")}
            ),
            "xl/shared.xml": "<sst><si><t>Apple</t></si><si><r><t>Pe</t></r><r><t>ar</t></r></si>"
            "</sst>",
            "xl/worksheets/one.xml": "<worksheet><sheetData>"
            '<row><c t="s"><v>0</v></c><c><v>1.25</v></c></row>'
            '<row><c t="s"><v>1</v></c><c t="inlineStr"><is><t>two</t></is></c>'
            '<c t="b"><v>1</v></c></row></sheetData></worksheet>',
        },
    )


def open_document(path: Path) -> Path:
    """An ODT with a heading, spaces, a table and a title."""
    names = "".join(
        f' xmlns:{key}="urn:oasis:names:tc:opendocument:xmlns:{key}:1.0"'
        for key in ("office", "text", "table")
    )
    content = (
        f"<office:document-content{names}><office:body><office:text>\n"
        "  <text:h>Title line</text:h>\n  <text:p>One<text:s text:c='3'/><text:span>two</text:span>"
        " three</text:p><table:table><table:table-row><table:table-cell><text:p>c1</text:p>"
        "</table:table-cell><table:table-cell><text:p>c2</text:p></table:table-cell>"
        "</table:table-row></table:table></office:text></office:body></office:document-content>"
    )
    title = "<dc:title>Odd</dc:title>"
    about = f'<office:document-meta{names} xmlns:dc="{_CORE}">{title}</office:document-meta>'
    kind = "application/vnd.oasis.opendocument.text"
    return zipped(path, {"mimetype": kind, "content.xml": content, "meta.xml": about})


def book(path: Path) -> Path:
    """An EPUB of two chapters whose spine differs from the order of its files."""
    chapter = "<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>{}</h1><p>{}</p></body></html>"
    return zipped(
        path,
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="b/book.opf"/></container>',
            "b/book.opf": f'<package xmlns:dc="{_CORE}"><metadata><dc:title>Book</dc:title>'
            "<dc:creator>Writer</dc:creator></metadata><manifest>"
            '<item id="x" href="z%20last.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="y" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="x"/><itemref idref="y"/></spine></package>',
            "b/z last.xhtml": chapter.format("One", "begins"),
            "b/a.xhtml": chapter.format("Two", "ends"),
        },
    )
