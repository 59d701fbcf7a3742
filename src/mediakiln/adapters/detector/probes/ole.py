"""OLE2 compound files ([MS-CFB]): told apart by the names in their directory."""

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import Window, found, guessing, le, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_MAX_SECTORS = 8
_ENTRY = 128
_NO_SECTOR = 0xFFFFFFFA
_FAT_IN_HEADER = 109
_INSTALLER = bytes.fromhex("84100c0000000000c000000000000046")

_BY_ENTRY = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "__properties_version1.0": "application/vnd.ms-outlook",
    "__nameid_version1.0": "application/vnd.ms-outlook",
}

_UNKNOWN = refuse("application/x-ole-storage", "Only Word, Excel, PowerPoint and Outlook files.")


def compound(window: Window) -> Detection:
    """Old Office documents and mails; installers and encrypted documents are refused."""
    with guessing(Detection("application/x-ole-storage", None, certain=False)):
        names, installer = _directory(window)
    if installer:
        return refuse("application/x-msi", reasons.PROGRAM)
    if "EncryptedPackage" in names:
        why = "The document is encrypted: remove its password and upload it again."
        return refuse("application/x-ole-storage", why)
    for name, media_type in _BY_ENTRY.items():
        if name in names:
            return found(media_type, Kind.DOCUMENT)
    return _UNKNOWN


def _directory(window: Window) -> tuple[set[str], bool]:
    """The names in the first sectors of the directory, and whether it is an installer's."""
    header = window.read(0, 512)
    sector_bytes = 1 << min(le(header[30:32]), 12)
    if sector_bytes < 512:
        return set(), False
    names: set[str] = set()
    installer = False
    sector = le(header[48:52])
    for _ in range(_MAX_SECTORS):
        if sector >= _NO_SECTOR:
            break
        entries = window.read((sector + 1) * sector_bytes, sector_bytes)
        for at in range(0, len(entries) - _ENTRY + 1, _ENTRY):
            length = min(le(entries[at + 64 : at + 66]), 64)
            name = entries[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
            installer |= entries[at + 66] == 5 and entries[at + 80 : at + 96] == _INSTALLER
            names.add(name)
        if names & _BY_ENTRY.keys():
            break
        sector = _next_sector(window, header, sector, sector_bytes)
    return names, installer


def _next_sector(window: Window, header: bytes, sector: int, sector_bytes: int) -> int:
    per_sector = sector_bytes // 4
    table = sector // per_sector
    if table >= _FAT_IN_HEADER:
        return _NO_SECTOR
    table_sector = le(header[76 + 4 * table : 80 + 4 * table])
    if table_sector >= _NO_SECTOR:
        return _NO_SECTOR
    start = (table_sector + 1) * sector_bytes + 4 * (sector % per_sector)
    entry = window.read(start, 4)
    return le(entry) if len(entry) == 4 else _NO_SECTOR
