"""The table of signatures: which bytes stand where, and what they say."""

from dataclasses import dataclass

from mediakiln.adapters.detector.pictures import jxl
from mediakiln.adapters.detector.probes import (
    isobmff,
    matroska,
    model3d,
    ole,
    program,
    raster,
    reasons,
    streams,
    zipped,
)
from mediakiln.adapters.detector.probes.window import Probe, Window, guessing
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection


@dataclass(frozen=True, slots=True)
class Signature:
    """`magic` at `offset` says `media_type`, unless `probe` looks closer.

    A probe may also find that it is something else after all, and the table goes on.
    """

    magic: bytes
    media_type: str
    kind: Kind | None = None
    refused: str | None = None
    probe: Probe | None = None
    offset: int = 0

    def judge(self, window: Window) -> Detection | None:
        """What a file is that carries this signature.

        Raises:
            NotSeen: more of the file is needed; it carries a guess.
        """
        plain = Detection(self.media_type, self.kind, refused=self.refused)
        if self.probe is None:
            return plain
        with guessing(plain):
            return self.probe(window)


def _image(magic: bytes, media_type: str, probe: Probe | None = None) -> Signature:
    return Signature(magic, media_type, Kind.IMAGE, probe=probe)


def _model(magic: bytes, media_type: str, probe: Probe | None = None) -> Signature:
    return Signature(magic, media_type, Kind.MODEL3D, probe=probe)


def _video(magic: bytes, media_type: str, probe: Probe | None = None, offset: int = 0) -> Signature:
    return Signature(magic, media_type, Kind.VIDEO, probe=probe, offset=offset)


def _audio(magic: bytes, media_type: str, probe: Probe | None = None) -> Signature:
    return Signature(magic, media_type, Kind.AUDIO, probe=probe)


def _refused(magic: bytes, media_type: str, why: str, offset: int = 0) -> Signature:
    return Signature(magic, media_type, refused=why, offset=offset)


IMAGES = (
    _image(b"\xff\xd8\xff", "image/jpeg", raster.jpeg),
    _image(b"\x89PNG\r\n\x1a\n", "image/png", raster.png),
    _image(b"GIF87a", "image/gif", raster.gif),
    _image(b"GIF89a", "image/gif", raster.gif),
    _image(b"BM", "image/bmp", raster.bmp),
    _image(b"II*\0", "image/tiff", raster.tiff),
    _image(b"MM\0*", "image/tiff", raster.tiff),
    _image(b"II+\0", "image/tiff", raster.tiff),
    _image(b"MM\0+", "image/tiff", raster.tiff),
    _image(b"8BPS", "image/vnd.adobe.photoshop", raster.psd),
    _image(b"\0\0\1\0", "image/vnd.microsoft.icon", raster.ico),
    _image(b"\0\0\2\0", "image/vnd.microsoft.icon", raster.ico),
    _image(b"qoif", "image/qoi", raster.qoi),
    *(_image(b"P%d" % sort, "image/x-portable-anymap", raster.netpbm) for sort in range(1, 7)),
    _image(b"\xff\x0a", "image/jxl", jxl.jxl),
    _image(b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl", jxl.jxl),
    _image(b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2", raster.jpeg2000),
    _image(b"\xff\x4f\xff\x51", "image/j2c", raster.codestream2000),
    Signature(b"DICM", "application/dicom", Kind.IMAGE, offset=128),
)

DOCUMENTS = (
    Signature(b"%PDF-", "application/pdf", Kind.DOCUMENT),
    Signature(b"{\\rtf", "application/rtf", Kind.DOCUMENT),
    Signature(b"PK\3\4", "application/zip", probe=zipped.zipped),
    Signature(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", probe=ole.compound),
)

MODELS = (
    _model(b"glTF", "model/gltf-binary", model3d.glb),
    _model(b"ply\n", "model/ply"),  # not registered; nothing better is
    _model(b"ply\r", "model/ply"),
    _model(b"ISO-10303-21;", "model/step"),
    _model(b"PXR-USDC", "model/vnd.usdc"),
    _model(b"#usda ", "model/vnd.usda"),
)

FILMS = (
    _video(b"ftyp", "video/mp4", isobmff.base_media, offset=4),
    *(
        _video(box, "video/quicktime", isobmff.quicktime, offset=4)
        for box in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
    ),
    _video(b"\x1a\x45\xdf\xa3", "video/x-matroska", matroska.matroska),
    _video(b"FLV\1", "video/x-flv"),
    _video(b"\0\0\1\xba", "video/mpeg"),
    _video(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf", streams.asf),
    _video(b"\6\x0e\x2b\x34\2\5\1\1\x0d\1\2\1\1", "application/mxf"),
    _video(b"YUV4MPEG2 ", "video/x-yuv4mpeg"),
    _video(b"G", "video/mp2t", streams.transport_stream),
    _video(b"G", "video/mp2t", streams.transport_stream, offset=4),
)

SOUNDS = (
    _audio(b"RIFF", "audio/wav", streams.riff),
    _audio(b"RF64", "audio/wav", streams.riff),
    _audio(b"BW64", "audio/wav", streams.riff),
    _audio(b"FORM", "audio/aiff", streams.aiff),
    _audio(b"fLaC", "audio/flac"),
    _audio(b"OggS\0", "audio/ogg", streams.ogg),
    _audio(b"ID3", "audio/mpeg", streams.tagged),
    *(
        _audio(b"\xff" + bytes([second]), "audio/mpeg", streams.mpeg_audio)
        for second in (0xFA, 0xFB, 0xFC, 0xFD, 0xF2, 0xF3, 0xF4, 0xF5, 0xE2, 0xE3)
    ),
    *(
        _audio(b"\xff" + bytes([second]), "audio/aac", streams.adts)
        for second in (0xF0, 0xF1, 0xF8, 0xF9)
    ),
    _audio(b"#!AMR\n", "audio/amr"),
    _audio(b"#!AMR-WB\n", "audio/amr-wb"),
    _audio(b"caff\0\1\0\0", "audio/x-caf"),
    _audio(b".snd\0\0\0", "audio/basic"),
    _audio(b"\x0b\x77", "audio/ac3", streams.dolby),
    _audio(b"wvpk", "audio/x-wavpack"),
    _audio(b"MAC \x96\x0f", "audio/x-ape"),
)

PROGRAMS = (
    _refused(b"\x7fELF", "application/x-elf", reasons.PROGRAM),
    Signature(b"MZ", "application/vnd.microsoft.portable-executable", probe=program.windows),
    Signature(b"\xca\xfe\xba\xbe", "application/java-vm", probe=program.java_or_mach),
    *(
        _refused(bytes.fromhex(magic), "application/x-mach-binary", reasons.PROGRAM)
        for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabf")
    ),
    _refused(b"\0asm", "application/wasm", reasons.PROGRAM),
    _refused(b"dex\n0", "application/vnd.android.dex", reasons.PROGRAM),
    _refused(b"L\0\0\0\1\x14\2\0", "application/x-ms-shortcut", reasons.PROGRAM),
    _refused(b"%!PS", "application/postscript", reasons.POSTSCRIPT),
    _refused(b"\4%!PS", "application/postscript", reasons.POSTSCRIPT),
    _refused(b"\xc5\xd0\xd3\xc6", "application/postscript", reasons.POSTSCRIPT),
)

ARCHIVES = (
    _refused(b"PK\5\6", "application/zip", reasons.ARCHIVE),
    _refused(b"PK\7\x08", "application/zip", reasons.ARCHIVE),
    _refused(b"\x1f\x8b", "application/gzip", reasons.ARCHIVE),
    _refused(b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", reasons.ARCHIVE),
    _refused(b"Rar!\x1a\7", "application/vnd.rar", reasons.ARCHIVE),
    _refused(b"\xfd7zXZ\0", "application/x-xz", reasons.ARCHIVE),
    *(
        _refused(b"BZh%d\x31\x41\x59\x26\x53\x59" % level, "application/x-bzip2", reasons.ARCHIVE)
        for level in range(1, 10)
    ),
    _refused(b"\x28\xb5\x2f\xfd", "application/zstd", reasons.ARCHIVE),
    _refused(b"\x04\x22\x4d\x18", "application/x-lz4", reasons.ARCHIVE),
    _refused(b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed", reasons.ARCHIVE),
    _refused(b"!<arch>\n", "application/x-archive", reasons.ARCHIVE),
    _refused(b"\xed\xab\xee\xdb", "application/x-rpm", reasons.ARCHIVE),
    _refused(b"ustar", "application/x-tar", reasons.ARCHIVE, offset=257),
    _refused(b"CD001", "application/vnd.efi.iso", reasons.ARCHIVE, offset=32769),
)

OTHERS = (
    _refused(b"II*\0\x10\0\0\0CR", "image/x-canon-cr2", reasons.RAW),
    _refused(b"IIRO", "image/x-olympus-orf", reasons.RAW),
    _refused(b"IIRS", "image/x-olympus-orf", reasons.RAW),
    _refused(b"IIU\0", "image/x-panasonic-rw2", reasons.RAW),
    _refused(b"FUJIFILMCCD-RAW", "image/x-fuji-raf", reasons.RAW),
    _refused(b"DDS |\0\0\0", "image/vnd.ms-dds", reasons.IMAGE),
    _refused(b"BLP1", "image/x-blp", reasons.IMAGE),
    _refused(b"BLP2", "image/x-blp", reasons.IMAGE),
    _refused(b"icns\0", "image/icns", reasons.IMAGE),
    _refused(b"v/1\1", "image/x-exr", reasons.IMAGE),
    _refused(b"#?RADIANCE", "image/vnd.radiance", reasons.IMAGE),
    _refused(b"\x01\xda\0\1\0", "image/sgi", reasons.IMAGE),
    _refused(b"\x01\xda\1\1\0", "image/sgi", reasons.IMAGE),
    _refused(b"\x01\xda\0\2\0", "image/sgi", reasons.IMAGE),
    _refused(b"\x01\xda\1\2\0", "image/sgi", reasons.IMAGE),
    _refused(b"\x12\xaf", "video/x-fli", reasons.IMAGE, offset=4),
    _refused(b"\x11\xaf", "video/x-fli", reasons.IMAGE, offset=4),
    _refused(b"AT&TFORM", "image/vnd.djvu", reasons.DATA),
    _refused(b"gimp xcf", "image/x-xcf", reasons.IMAGE),
    _refused(b"\xd7\xcd\xc6\x9a", "image/wmf", reasons.IMAGE),
    _refused(b"\1\0\0\0" + b"X\0\0\0", "image/emf", reasons.IMAGE),
    _refused(b"Kaydara FBX Binary  \0", "model/x-fbx", reasons.MODEL),
    _refused(b"BLENDER", "application/x-blender", reasons.MODEL),
    _refused(b"#VRML V", "model/vrml", reasons.MODEL),
    _refused(b"MThd\0\0\0\6", "audio/midi", reasons.DATA),
    _refused(b"SQLite format 3\0", "application/vnd.sqlite3", reasons.DATA),
    _refused(b"PAR1", "application/vnd.apache.parquet", reasons.DATA),
    _refused(b"acsp", "application/vnd.iccprofile", reasons.DATA, offset=36),
    _refused(b"wOFF", "font/woff", reasons.FONT),
    _refused(b"wOF2", "font/woff2", reasons.FONT),
    _refused(b"OTTO\0", "font/otf", reasons.FONT),
    _refused(b"ttcf\0", "font/collection", reasons.FONT),
    _refused(b"\0\1\0\0\0", "font/ttf", reasons.FONT),
)

SIGNATURES = (*OTHERS, *IMAGES, *DOCUMENTS, *MODELS, *FILMS, *SOUNDS, *PROGRAMS, *ARCHIVES)
"""In the order in which they are tried: where two fit, the longer stands first."""
