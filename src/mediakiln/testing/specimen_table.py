"""The table of specimens: a file of each format, with what it is."""

import gzip

from mediakiln.model.kind import Kind
from mediakiln.testing import specimens as made
from mediakiln.testing.specimens import OFFICE, Specimen

_ODF = "application/vnd.oasis.opendocument."
_PROSE = "Grüße aus München, déjà vu, und noch ein längerer Satz über Äpfel. ".encode
_CYRILLIC = "Привет, мир! Это обычный текст на русском языке. ".encode

_SVG_BEHIND_A_PRELUDE = (
    b'<?xml version="1.0"?>\n<!-- a > b -->\n<!DOCTYPE svg [<!ENTITY e "]">]>\n'
    b'<s:svg xmlns:s="http://www.w3.org/2000/svg" />'
)


def _of(kind: Kind | None, rows: dict[str, tuple[bytes, str | None]]) -> tuple[Specimen, ...]:
    return tuple(Specimen(name, content, type_, kind) for name, (content, type_) in rows.items())


IMAGES = _of(
    Kind.IMAGE,
    {
        "jpeg": (made.JPEG, "image/jpeg"),
        "png": (made.PNG, "image/png"),
        "apng": (made.APNG, "image/apng"),
        "gif": (made.GIF, "image/gif"),
        "webp": (made.WEBP, "image/webp"),
        "bmp": (made.BMP, "image/bmp"),
        "ico": (made.ICO, "image/vnd.microsoft.icon"),
        "tiff": (made.TIFF, "image/tiff"),
        "qoi": (b"qoif\0\0\0\3\0\0\0\2\3\0" + bytes(8), "image/qoi"),
        "ppm": (b"P6\n# made\n3 2\n255\n" + bytes(18), "image/x-portable-pixmap"),
        "pgm": (b"P2 3 2 9\n1 2 3\n4 5 6\n", "image/x-portable-graymap"),
        "pbm": (b"P4\n3 2\n\0\0", "image/x-portable-bitmap"),
        "psd": (made.PSD, "image/vnd.adobe.photoshop"),
        "jp2": (made.JP2, "image/jp2"),
        "j2c": (b"\xff\x4f\xff\x51\0\x29" + bytes(40), "image/j2c"),
        "jxl": (b"\xff\x0a\xfa\x1f\1\x90" + bytes(8), "image/jxl"),
        "jxl-box": (b"\0\0\0\x0cJXL \r\n\x87\n" + made.box(b"ftyp", b"jxl \0\0\0\0"), "image/jxl"),
        "avif": (made.film(b"avif", compatible=b"mif1miaf"), "image/avif"),
        "avif-by-compatible": (made.film(b"mif1", compatible=b"miafavif"), "image/avif"),
        "heic": (made.film(b"heic", compatible=b"mif1heic"), "image/heic"),
        "heif": (made.film(b"mif1", compatible=b"miaf"), "image/heif"),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"/>', "image/svg+xml"),
        "svg-prelude": (
            _SVG_BEHIND_A_PRELUDE,
            "image/svg+xml",
        ),
        "svg-utf16": (
            '<svg xmlns="http://www.w3.org/2000/svg"/>'.encode("utf-16"),
            "image/svg+xml",
        ),
        "dicom": (bytes(128) + b"DICM\2\0\0\0UL\4\0" + bytes(4), "application/dicom"),
    },
)

DOCUMENTS = _of(
    Kind.DOCUMENT,
    {
        "pdf": (b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n", "application/pdf"),
        "pdf-late": (b"\0\1junk\n%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF\n", "application/pdf"),
        "rtf": (rb"{\rtf1\ansi Hello}", "application/rtf"),
        "docx": (made.office("word/document.xml"), OFFICE + "wordprocessingml.document"),
        "xlsx": (made.office("xl/workbook.xml"), OFFICE + "spreadsheetml.sheet"),
        "pptx": (made.office("ppt/presentation.xml"), OFFICE + "presentationml.presentation"),
        "docm": (
            made.office("word/document.xml", "word/vbaProject.bin"),
            "application/vnd.ms-word.document.macroEnabled.12",
        ),
        "odt": (made.open_document(_ODF + "text"), _ODF + "text"),
        "ods": (made.open_document(_ODF + "spreadsheet"), _ODF + "spreadsheet"),
        "odp": (made.open_document(_ODF + "presentation"), _ODF + "presentation"),
        "epub": (made.open_document("application/epub+zip"), "application/epub+zip"),
        "doc": (made.compound("WordDocument", "1Table"), "application/msword"),
        "xls": (made.compound("Workbook"), "application/vnd.ms-excel"),
        "ppt": (
            made.compound("Current User", "PowerPoint Document"),
            "application/vnd.ms-powerpoint",
        ),
        "msg": (
            made.compound("a", "b", "c", "__properties_version1.0"),
            "application/vnd.ms-outlook",
        ),
        "html": (b"<!DOCTYPE html><title>x</title>", "text/html"),
        "html-bare": (b"\n<!-- x --><div>x</div>", "text/html"),
        "xhtml": (b'<?xml version="1.0"?><html xmlns="x"/>', "application/xhtml+xml"),
        "xml": (b'<?xml version="1.0"?><note>x</note>', "application/xml"),
        "json": (b'{"a": [1, 2], "b": null}', "application/json"),
        "ndjson": (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson"),
        "csv": (b"name,size\na,1\nb,2\n", "text/csv"),
        "csv-quoted": (b'name;words\na;"one;\ntwo"\nb;"three"\n', "text/csv"),
        "tsv": (b"name\tsize\na\t1\nb\t2\n", "text/tab-separated-values"),
        "markdown": (b"# Title\n\nSome **bold** words.\n\n- a\n- b\n", "text/markdown"),
        "eml": (made.MAIL, "message/rfc822"),
        "vcard": (b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n", "text/vcard"),
        "icalendar": (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", "text/calendar"),
        "webvtt": (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", "text/vtt"),
        "subrip": (b"1\n00:00:01,000 --> 00:00:02,000\nHi\n", "application/x-subrip"),
        "text": (b"Roses are red,\nviolets are blue,\nsugar is sweet.\n", "text/plain"),
        "text-code": (b"# settings\nimport os\n\nprint(os.name, end='')\n", "text/plain"),
        "text-utf8": (_PROSE("utf-8"), "text/plain"),
        "text-bom": (_PROSE("utf-8-sig"), "text/plain"),
        "text-utf16": (_PROSE("utf-16"), "text/plain"),
        "text-utf16-without-bom": (b"Hello, world".decode().encode("utf-16-be"), "text/plain"),
        "text-utf32": (_PROSE("utf-32"), "text/plain"),
        "text-windows": (_PROSE("cp1252") * 3, "text/plain"),
        "text-cyrillic": (_CYRILLIC("cp1251") * 3, "text/plain"),
        "text-model": (b"P6 is a protein. P1 as well.\n", "text/plain"),
        "text-bom-letters": (b"BMW und MZ sind Marken.\n", "text/plain"),
    },
)

MODELS = _of(
    Kind.MODEL3D,
    {
        "glb": (made.GLB, "model/gltf-binary"),
        "gltf": (made.GLTF, "model/gltf+json"),
        "stl": (made.stl(3), "model/stl"),
        "stl-solid": (b"solid" + made.stl(2)[5:], "model/stl"),
        "stl-text": (b"solid x\n facet normal 0 0 1\n  outer loop\nendsolid x\n", "model/stl"),
        "obj": (
            b"# cube\nmtllib a.mtl\nv 0 0 0\nv 1.5e1 0 .5\nvn 0 0 1\nf 1//1 2//1 1\n",
            "model/obj",
        ),
        "ply": (b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "model/ply"),
        "off": (b"OFF\n# a comment\n\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "model/off"),
        "3mf": (made.office("3D/3dmodel.model"), "model/3mf"),
        "dae": (b'<?xml version="1.0"?><COLLADA version="1.4.1"/>', "model/vnd.collada+xml"),
        "step": (b"ISO-10303-21;\nHEADER;\nENDSEC;\n", "model/step"),
        "usda": (b"#usda 1.0\n(\n)\n", "model/vnd.usda"),
        "usdz": (made.zipped(("a.usdc", b"PXR-USDC")), "model/vnd.usdz+zip"),
    },
)

FILMS = _of(
    Kind.VIDEO,
    {
        "mp4": (made.film(b"isom", b"soun", b"vide"), "video/mp4"),
        "mp4-moov-last": (made.film(b"mp42", b"vide", last=True), "video/mp4"),
        "m4v": (made.film(b"M4V ", b"vide"), "video/mp4"),
        "mov": (made.film(b"qt  ", b"vide"), "video/quicktime"),
        "mov-old": (made.film(b"qt  ", b"vide")[16:], "video/quicktime"),
        "3gp": (made.film(b"3gp5", b"vide"), "video/3gpp"),
        "3g2": (made.film(b"3g2a", b"vide"), "video/3gpp2"),
        "mkv": (made.matroska(b"matroska", 2, 1), "video/x-matroska"),
        "webm": (made.matroska(b"webm", 1), "video/webm"),
        "avi": (made.AVI, "video/x-msvideo"),
        "flv": (b"FLV\1\5\0\0\0\x09" + bytes(4), "video/x-flv"),
        "ts": (made.TS, "video/mp2t"),
        "m2ts": ((bytes(4) + made.TS[:188]) * 4, "video/mp2t"),
        "mpg": (b"\0\0\1\xba\x44" + bytes(16), "video/mpeg"),
        "ogv": (made.page(b"\1vorbis") + made.page(b"\x80theora"), "video/ogg"),
        "wmv": (made.ASF_VIDEO, "video/x-ms-wmv"),
    },
)

SOUNDS = _of(
    Kind.AUDIO,
    {
        "m4a": (made.film(b"M4A ", b"soun"), "audio/mp4"),
        "mp4-audio": (made.film(b"isom", b"soun"), "audio/mp4"),
        "3gp-audio": (made.film(b"3gp4", b"soun"), "audio/3gpp"),
        "mka": (made.matroska(b"matroska", 2), "audio/x-matroska"),
        "weba": (made.matroska(b"webm", 2), "audio/webm"),
        "mp3": (made.MP3, "audio/mpeg"),
        "mp3-tagged": (made.ID3 + made.MP3, "audio/mpeg"),
        "aac": (made.ADTS, "audio/aac"),
        "aac-tagged": (made.ID3 + made.ADTS, "audio/aac"),
        "flac": (b"fLaC\0\0\0\x22" + bytes(34), "audio/flac"),
        "flac-tagged": (made.ID3 + b"fLaC\0\0\0\x22" + bytes(34), "audio/flac"),
        "wav": (made.WAV, "audio/wav"),
        "aiff": (b"FORM\0\0\0\4AIFF", "audio/aiff"),
        "ogg": (made.page(b"\1vorbis"), "audio/ogg"),
        "opus": (made.page(b"OpusHead\1\1"), "audio/ogg"),
        "ogg-flac": (made.page(b"\x7fFLAC\1\0"), "audio/ogg"),
        "amr": (b"#!AMR\n\x3c" + bytes(31), "audio/amr"),
        "wma": (made.ASF_AUDIO, "audio/x-ms-wma"),
    },
)

REFUSED = _of(
    None,
    {
        "elf": (b"\x7fELF\2\1\1" + bytes(57), "application/x-elf"),
        "exe": (
            b"MZ".ljust(60, b"\0") + b"\x40\0\0\0PE\0\0",
            "application/vnd.microsoft.portable-executable",
        ),
        "mach-o": (b"\xcf\xfa\xed\xfe\7\0\0\1" + bytes(24), "application/x-mach-binary"),
        "mach-o-fat": (b"\xca\xfe\xba\xbe\0\0\0\2" + bytes(40), "application/x-mach-binary"),
        "class": (b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(40), "application/java-vm"),
        "wasm": (b"\0asm\1\0\0\0", "application/wasm"),
        "msi": (
            made.compound(root=bytes.fromhex("84100c0000000000c000000000000046")),
            "application/x-msi",
        ),
        "jar": (made.zipped(("META-INF/MANIFEST.MF", b"x")), "application/java-archive"),
        "script": (b"#!/bin/sh\nexit 0\n", "text/x-script"),
        "php": (b"<?php echo 1;", "text/x-php"),
        "eicar": (made.EICAR, "text/plain"),
        "hls": (
            b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n",
            "application/vnd.apple.mpegurl",
        ),
        "hls-tagged": (made.ID3 + b"#EXTM3U\n" + made.MP3, "application/vnd.apple.mpegurl"),
        "dash": (b'<?xml version="1.0"?><MPD/>', "application/dash+xml"),
        "concat": (b"ffconcat version 1.0\nfile x\n", "text/x-ffconcat"),
        "sdp": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "application/sdp"),
        "mvg": (b"push graphic-context\nimage over 0,0 0,0 'x'\n", "image/x-mvg"),
        "ps": (b"%!PS-Adobe-3.0\nshowpage\n", "application/postscript"),
        "eps": (b"\xc5\xd0\xd3\xc6" + bytes(28), "application/postscript"),
        "zip": (made.zipped(("a.txt", b"x")), "application/zip"),
        "gzip": (gzip.compress(b"x", mtime=0), "application/gzip"),
        "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24), "application/x-7z-compressed"),
        "rar": (b"Rar!\x1a\7\1\0", "application/vnd.rar"),
        "tar": (made.TAR, "application/x-tar"),
        "ole-encrypted": (made.compound("EncryptedPackage"), "application/x-ole-storage"),
        "dng": (made.DNG, "image/x-adobe-dng"),
        "cr3": (made.film(b"crx "), "image/x-canon-cr3"),
        "sqlite": (b"SQLite format 3\0" + bytes(84), "application/vnd.sqlite3"),
        "font": (b"wOF2\0\1\0\0" + bytes(40), "font/woff2"),
        "mtl": (b"# x\n\nnewmtl red\nKd 1 0 0\n", "model/mtl"),
        "unknown": (bytes(range(1, 250)) * 4, None),
        "zeros": (bytes(4096), None),
    },
)

SPECIMENS = (*IMAGES, *DOCUMENTS, *MODELS, *FILMS, *SOUNDS, *REFUSED)
"""A file of each format, and of what is refused."""
