"""The detector: how many files of a table it names rightly, and how long one takes.

    python benchmarks/detector.py [--json FILE]

The table is a specimen of each format and, with MEDIAKILN_SAMPLES, the real files in there.
Rivals are measured on the same files where they can be imported: magika, python-magic (which
needs libmagic) and puremagic; another spelling of a type counts as right. The specimens are the
smallest of their format, which a trained model has not met: look at the real files for that.
Right answers are those of `inspect`, the time is that of `sniff`: what an upload waits for.
"""

import asyncio
import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import report
from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.ports.detector import HEAD_BYTES
from mediakiln.testing.detector import CountedBytes
from mediakiln.testing.specimen_table import SPECIMENS

ROUNDS = 5
TARGET_MICROSECONDS = 1_000

OFFICE = "application/vnd.openxmlformats-officedocument."
BY_SUFFIX = {
    ".3mf": "model/3mf", ".avif": "image/avif", ".blp": "image/x-blp",
    ".dae": "model/vnd.collada+xml", ".dcm": "application/dicom", ".dds": "image/vnd.ms-dds",
    ".docx": OFFICE + "wordprocessingml.document", ".eml": "message/rfc822",
    ".eps": "application/postscript", ".epub": "application/epub+zip", ".flac": "audio/flac",
    ".fli": "video/x-fli", ".gif": "image/gif", ".glb": "model/gltf-binary",
    ".gz": "application/gzip", ".heic": "image/heic", ".html": "text/html",
    ".icm": "application/vnd.iccprofile", ".icns": "image/icns",
    ".ico": "image/vnd.microsoft.icon", ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
    ".m4a": "audio/mp4", ".mkv": "video/x-matroska", ".mov": "video/quicktime",
    ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".msg": "application/vnd.ms-outlook",
    ".mtl": "model/mtl", ".obj": "model/obj", ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg", ".pdf": "application/pdf", ".ply": "model/ply", ".png": "image/png",
    ".pptx": OFFICE + "presentationml.presentation", ".psd": "image/vnd.adobe.photoshop",
    ".rtf": "application/rtf", ".sgi": "image/sgi", ".step": "model/step", ".stl": "model/stl",
    ".svg": "image/svg+xml", ".tga": None, ".tif": "image/tiff", ".wav": "audio/wav",
    ".webm": "video/webm", ".webp": "image/webp", ".xlsx": OFFICE + "spreadsheetml.sheet",
    ".zip": "application/zip",
}  # fmt: skip
BY_NAME = {
    "sgi_crash.bin": "image/sgi",
    "timeout-6646305047838720": "image/tiff",
    "crash-4fb027452e6988530aa5dabee76eecacb3b79f8a.j2k": "image/jp2",
    "crash-7d4c83eb92150fb8f1653a697703ae06ae7c4998.j2k": "image/jp2",
    "crash-ccca68ff40171fdae983d924e127a721cab2bd50.j2k": "image/jp2",
    "crash-d2c93af851d3ab9a19e34503626368b2ec3e9c03.j2k": "image/j2c",
}
SYNONYMS = {
    "image/x-icon": "image/vnd.microsoft.icon", "image/x-ms-bmp": "image/bmp",
    "audio/x-wav": "audio/wav", "audio/x-aiff": "audio/aiff", "audio/x-m4a": "audio/mp4",
    "video/x-m4v": "video/mp4", "audio/x-flac": "audio/flac", "application/ogg": "audio/ogg",
    "audio/vnd.wave": "audio/wav", "audio/x-hx-aac-adts": "audio/aac",
    "text/rtf": "application/rtf", "audio/wave": "audio/wav", "image/jpeg2000": "image/jp2",
    "image/x-jp2-codestream": "image/j2c", "image/x-icns": "image/icns", "image/x-rgb": "image/sgi",
    "image/x-eps": "application/postscript", "application/x-gzip": "application/gzip",
    "text/tsv": "text/tab-separated-values", "text/srt": "application/x-subrip",
    "video/MP2T": "video/mp2t", "video/dvd": "video/mpeg", "video/x-flc": "video/x-fli",
    "video/matroska": "video/x-matroska", "text/xml": "application/xml",
    "application/x-executable": "application/x-elf", "audio/x-aac": "audio/aac",
    "application/x-object": "application/x-elf", "application/x-sharedlib": "application/x-elf",
    "application/x-dosexec": "application/vnd.microsoft.portable-executable",
    "application/x-rar": "application/vnd.rar", "application/x-java-applet": "application/java-vm",
    "text/x-shellscript": "text/x-script", "model/x.stl-binary": "model/stl",
    "model/x.stl-ascii": "model/stl", "application/sla": "model/stl", "text/x-ply": "model/ply",
    "image/x-tga": None, "application/octet-stream": None,
    "application/x-ndjson": "application/json",
    "video/avi": "video/x-msvideo", "application/CDFV2": "application/x-ole-storage",
    "image/jpx": "image/jp2", "image/x-dds": "image/vnd.ms-dds",
    "image/eps": "application/postscript",
}  # fmt: skip

Judge = Callable[[bytes], str | None]


@dataclass(frozen=True, slots=True)
class Item:
    """One file and its type."""

    name: str
    content: bytes
    media_type: str | None


def table() -> tuple[list[Item], list[Item]]:
    """The made specimens, and the real files if there are any."""
    made = [Item(each.name, each.content, each.media_type) for each in SPECIMENS]
    return made, list(_real(os.environ.get("MEDIAKILN_SAMPLES")))


def _real(folder: str | None) -> Iterator[Item]:
    if not folder:
        return
    for path in sorted(Path(folder).glob("*/*/*")):
        suffix = path.suffix.lower()
        if path.is_file() and (suffix in BY_SUFFIX or path.name in BY_NAME):
            expected = BY_NAME.get(path.name, BY_SUFFIX.get(suffix))
            yield Item(path.name, path.read_bytes(), expected)


def rivals() -> dict[str, Judge]:
    """Every rival that can be imported."""
    found: dict[str, Judge] = {}
    with contextlib.suppress(ImportError):
        model = importlib.import_module("magika").Magika()
        found["magika"] = lambda content: str(model.identify_bytes(content).output.mime_type)
    with contextlib.suppress(ImportError):
        library = importlib.import_module("magic").Magic(mime=True)
        found["python-magic"] = lambda content: str(library.from_buffer(content))
    with contextlib.suppress(ImportError):
        pure = importlib.import_module("puremagic")
        found["puremagic"] = lambda content: _pure(pure, content)
    return found


def _pure(library: Any, content: bytes) -> str | None:
    try:
        return str(library.from_string(content, mime=True)) or None
    except (library.PureError, ValueError):
        return None


def _same(answer: str | None, expected: str | None) -> bool:
    known = SYNONYMS.get(answer, answer) if answer else None
    return known == SYNONYMS.get(expected or "", expected)


def _inspected(item: Item) -> str | None:
    source = CountedBytes(item.content)
    return asyncio.run(SignatureDetector().inspect(source, name=item.name)).media_type


def _sniffed(content: bytes) -> str | None:
    complete = len(content) <= HEAD_BYTES
    return SignatureDetector().sniff(content[:HEAD_BYTES], complete=complete).media_type


def _microseconds(judge: Judge, items: list[Item]) -> float:
    """The mean, over the files, of the best time."""
    return (
        sum(min(_seconds(judge, item) for _ in range(ROUNDS)) for item in items) / len(items) * 1e6
    )


def _seconds(judge: Judge, item: Item) -> float:
    began = time.perf_counter()
    judge(item.content)
    return time.perf_counter() - began


def measure() -> list[dict[str, Any]]:
    """Every figure: name, value, unit, rival, ratio, target, holds."""
    made, real = table()
    figures = _figures("made files", made)
    return figures + _figures("real files", real) if real else figures


def _figures(label: str, items: list[Item]) -> list[dict[str, Any]]:
    answers = [(item, _inspected(item)) for item in items]
    wrong = [f"{item.name} ({answer})" for item, answer in answers if answer != item.media_type]
    right, micros = len(items) - len(wrong), _microseconds(_sniffed, items)
    theirs = {
        name: sum(_same(judge(item.content), item.media_type) for item in items)
        for name, judge in rivals().items()
    }
    times = {name: round(_microseconds(judge, items), 1) for name, judge in rivals().items()}
    best, quickest = max(theirs.values(), default=None), min(times.values(), default=None)
    return [
        {
            "name": f"{label} named rightly, of {len(items)}", "value": right, "unit": "files",
            "rival": _told(theirs), "ratio": best and round(right / best, 3),
            "target": f"= {len(items)}", "holds": not wrong, "wrong": wrong,
        },
        {
            "name": f"{label}, time of one", "value": round(micros, 1), "unit": "µs",
            "rival": _told(times), "ratio": quickest and round(micros / quickest, 3),
            "target": f"<= {TARGET_MICROSECONDS}", "holds": micros <= TARGET_MICROSECONDS,
        },
    ]  # fmt: skip


def _told(rivals: Mapping[str, float]) -> str | None:
    return ", ".join(f"{name}: {value:,}" for name, value in rivals.items()) or None


if __name__ == "__main__":
    report(measure, __doc__)
