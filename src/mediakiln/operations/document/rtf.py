"""Rich Text Format, by striprtf: control words are dropped, code pages decoded."""

from striprtf.striprtf import rtf_to_text

from mediakiln.model.errors import BadMedia

SIGNATURE = b"{\\rtf"


def read(data: bytes) -> str:
    """The text of an RTF file, table cells parted by tabs.

    Raises:
        BadMedia: its control words make no sense.
    """
    try:
        # RTF is ASCII with escapes; Latin-1 brings stray bytes through for the code page to read.
        text: str = rtf_to_text(data.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call]
    except (ValueError, LookupError, IndexError, AttributeError, TypeError) as error:
        raise BadMedia("the RTF is damaged: its control words make no sense") from error
    return "\n".join(_cells(line) for line in text.splitlines())


def _cells(line: str) -> str:
    """Rows end in a bar; a bar in running text stays."""
    return line.removesuffix("|").replace("|", "\t") if line.endswith("|") else line
