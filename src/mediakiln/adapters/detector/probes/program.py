"""Programs: recognised so that they can be refused."""

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import Window, be, le, refuse
from mediakiln.ports.detector import Detection

_WINDOWS = "application/vnd.microsoft.portable-executable"
_FIRST_JAVA = 45


def windows(window: Window) -> Detection | None:
    """DOS and Windows programs; text that begins with the letters MZ is none."""
    header = window.peek(0, 64)
    portable = window.peek(le(header[60:64]), 4) == b"PE\0\0"
    return refuse(_WINDOWS, reasons.PROGRAM) if portable or b"\0" in header else None


def java_or_mach(window: Window) -> Detection:
    """Java classes and universal Mach-O binaries share a magic number; the next field tells."""
    java = be(window.peek(4, 4)) >= _FIRST_JAVA
    media_type = "application/java-vm" if java else "application/x-mach-binary"
    return refuse(media_type, reasons.PROGRAM)
