"""document.text keeps the contract of operations."""

from pathlib import Path

from golden import document_samples as made
from mediakiln.operations.document.text import text
from mediakiln.testing.operation import OperationContract, Sample


def _pdf(folder: Path) -> Path:
    return made.pdf(folder / "a.pdf", ["one", "two"])


def _docx(folder: Path) -> Path:
    return made.letter(folder / "a.docx")


def _html(folder: Path) -> Path:
    path = folder / "a.html"
    path.write_text("<title>t</title><p>words")
    return path


def _encrypted(folder: Path) -> Path:
    return made.encrypted_pdf(folder / "locked.pdf")


def _cut(folder: Path) -> Path:
    path = made.letter(folder / "cut.docx")
    path.write_bytes(path.read_bytes()[:-500])
    return path


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class TestDocumentText(OperationContract):
    operation = text
    good = (
        Sample(_pdf, "application/pdf"),
        Sample(_docx, DOCX, {"format": "text"}),
        Sample(_html, "text/html", {"format": "json"}),
    )
    bad = (Sample(_encrypted, "application/pdf"), Sample(_cut, DOCX))
