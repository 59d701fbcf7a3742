"""The signature detector on files of real encoders: Pillow, FFmpeg, trimesh, python-docx, zip."""

import asyncio
import gzip
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import docx
import imageio_ffmpeg
import pypdfium2
import pytest
import trimesh
from PIL import Image

from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection
from mediakiln.testing.detector import CountedBytes

DETECTOR = SignatureDetector()
PICTURE = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.5", "-pix_fmt", "yuv420p"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=0.5", "-vn"]
BOTH = [*PICTURE[:4], "-f", "lavfi", "-i", "sine=duration=0.5", "-pix_fmt", "yuv420p"]


async def judge(content: bytes, name: str = "") -> Detection:
    """What both ways of asking agree on."""
    inspected = await DETECTOR.inspect(CountedBytes(content), name=name)
    sniffed = DETECTOR.sniff(content[: 64 * 1024], complete=len(content) <= 64 * 1024, name=name)
    if sniffed.certain:
        assert (sniffed.media_type, sniffed.kind) == (inspected.media_type, inspected.kind)
    return inspected


@pytest.mark.parametrize(
    ("encoder", "media_type", "sized"),
    [
        ("JPEG", "image/jpeg", True),
        ("PNG", "image/png", True),
        ("GIF", "image/gif", True),
        ("WEBP", "image/webp", True),
        ("BMP", "image/bmp", True),
        ("TIFF", "image/tiff", True),
        ("ICO", "image/vnd.microsoft.icon", False),
        ("JPEG2000", "image/jp2", False),
        ("AVIF", "image/avif", False),
    ],
)
async def test_images_of_pillow(encoder: str, media_type: str, sized: bool) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (37, 21), "red").save(buffer, encoder)
    found = await judge(buffer.getvalue())
    assert (found.media_type, found.kind) == (media_type, Kind.IMAGE)
    if sized:
        assert (found.metadata["width"], found.metadata["height"]) == (37, 21)


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0"}, {"quality": 5}])
async def test_each_sort_of_webp_tells_its_size(options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (370, 210), "red").save(buffer, "WEBP", **options)
    found = await judge(buffer.getvalue())
    assert found.metadata == {"width": 370, "height": 210}


async def test_moving_images_of_pillow() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for encoder, media_type in (
        ("PNG", "image/apng"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
    ):
        buffer = io.BytesIO()
        frames[0].save(buffer, encoder, save_all=True, append_images=frames[1:])
        assert (await judge(buffer.getvalue())).media_type == media_type


@pytest.mark.parametrize(
    ("name", "arguments", "media_type", "kind"),
    [
        ("a.mp4", BOTH, "video/mp4", Kind.VIDEO),
        ("fast.mp4", [*BOTH, "-movflags", "faststart"], "video/mp4", Kind.VIDEO),
        ("parts.mp4", [*BOTH, "-movflags", "frag_keyframe+empty_moov"], "video/mp4", Kind.VIDEO),
        ("a.m4v", PICTURE, "video/mp4", Kind.VIDEO),
        ("a.mov", BOTH, "video/quicktime", Kind.VIDEO),
        ("a.3gp", [*PICTURE, "-s", "128x96"], "video/3gpp", Kind.VIDEO),
        ("a.mkv", BOTH, "video/x-matroska", Kind.VIDEO),
        ("a.webm", PICTURE, "video/webm", Kind.VIDEO),
        ("a.avi", BOTH, "video/x-msvideo", Kind.VIDEO),
        ("a.flv", PICTURE, "video/x-flv", Kind.VIDEO),
        ("a.ts", BOTH, "video/mp2t", Kind.VIDEO),
        ("a.m2ts", BOTH, "video/mp2t", Kind.VIDEO),
        ("a.mpg", [*PICTURE, "-r", "25"], "video/mpeg", Kind.VIDEO),
        ("a.ogv", PICTURE, "video/ogg", Kind.VIDEO),
        ("a.wmv", PICTURE, "video/x-ms-wmv", Kind.VIDEO),
        ("a.mxf", [*PICTURE, "-r", "25"], "application/mxf", Kind.VIDEO),
        ("a.y4m", PICTURE, "video/x-yuv4mpeg", Kind.VIDEO),
        ("sound.mp4", TONE, "audio/mp4", Kind.AUDIO),
        ("a.m4a", TONE, "audio/mp4", Kind.AUDIO),
        ("a.mka", TONE, "audio/x-matroska", Kind.AUDIO),
        ("sound.webm", TONE, "audio/webm", Kind.AUDIO),
        ("a.mp3", TONE, "audio/mpeg", Kind.AUDIO),
        ("bare.mp3", [*TONE, "-id3v2_version", "0", "-write_xing", "0"], "audio/mpeg", Kind.AUDIO),
        ("low.mp3", [*TONE, "-ar", "16000", "-b:a", "32k"], "audio/mpeg", Kind.AUDIO),
        ("a.mp2", TONE, "audio/mpeg", Kind.AUDIO),
        ("a.aac", TONE, "audio/aac", Kind.AUDIO),
        ("a.flac", TONE, "audio/flac", Kind.AUDIO),
        ("a.ogg", TONE, "audio/ogg", Kind.AUDIO),
        ("a.opus", TONE, "audio/ogg", Kind.AUDIO),
        ("a.wav", TONE, "audio/wav", Kind.AUDIO),
        ("a.aiff", TONE, "audio/aiff", Kind.AUDIO),
        ("a.wma", TONE, "audio/x-ms-wma", Kind.AUDIO),
        ("a.ac3", TONE, "audio/ac3", Kind.AUDIO),
        ("a.eac3", TONE, "audio/eac3", Kind.AUDIO),
        ("a.au", TONE, "audio/basic", Kind.AUDIO),
        ("a.caf", TONE, "audio/x-caf", Kind.AUDIO),
        ("a.wv", TONE, "audio/x-wavpack", Kind.AUDIO),
    ],
)
async def test_films_and_sounds_of_ffmpeg(
    tmp_path: Path, name: str, arguments: list[str], media_type: str, kind: Kind
) -> None:
    path = tmp_path / name
    program = imageio_ffmpeg.get_ffmpeg_exe()
    quiet = ["-loglevel", "error", "-nostdin", "-threads", "1"]
    made = await asyncio.create_subprocess_exec(
        program, *quiet, *arguments, str(path), stderr=subprocess.PIPE
    )
    _, told = await made.communicate()
    assert made.returncode == 0, told
    found = await judge(path.read_bytes())
    assert (found.media_type, found.kind) == (media_type, kind)


@pytest.mark.parametrize(
    ("encoder", "media_type"),
    [
        ("glb", "model/gltf-binary"),
        ("stl", "model/stl"),
        ("stl_ascii", "model/stl"),
        ("obj", "model/obj"),
        ("ply", "model/ply"),
        ("off", "model/off"),
    ],
)
async def test_models_of_trimesh(encoder: str, media_type: str) -> None:
    for subdivisions in (1, 4):  # within the head, and longer than it
        sphere = trimesh.creation.icosphere(subdivisions=subdivisions)
        content = sphere.export(file_type=encoder)
        data = content.encode() if isinstance(content, str) else content
        found = await judge(data)
        assert (found.media_type, found.kind) == (media_type, Kind.MODEL3D)


async def test_gltf_of_trimesh() -> None:
    scene: Any = trimesh.Scene([trimesh.creation.box()])
    files = scene.export(file_type="gltf")
    assert (await judge(files["model.gltf"])).media_type == "model/gltf+json"


async def test_documents_of_their_libraries() -> None:
    word = io.BytesIO()
    docx.Document().save(word)
    found = await judge(word.getvalue())
    assert str(found.media_type).endswith("wordprocessingml.document")
    pages = io.BytesIO()
    pdf = pypdfium2.PdfDocument.new()
    pdf.new_page(100, 100)
    pdf.save(pages)
    assert (await judge(pages.getvalue())).media_type == "application/pdf"


async def test_archives_of_python() -> None:
    tar, archive = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as writer:
        writer.addfile(tarfile.TarInfo("a"), io.BytesIO())
    with zipfile.ZipFile(archive, "w", allowZip64=True) as writer_zip:
        for number in range(5_000):
            writer_zip.writestr(f"{number}", b"")
        writer_zip.comment = b"PK" * 20_000
    expected = {
        "application/x-tar": tar.getvalue(),
        "application/zip": archive.getvalue(),
        "application/gzip": gzip.compress(b"words " * 1000),
    }
    for media_type, content in expected.items():
        found = await judge(content)
        assert (found.media_type, found.kind) == (media_type, None)
        assert found.refused


async def test_a_document_streamed_into_its_archive_and_longer_than_the_head() -> None:
    """Sizes behind the data, a big picture first: only the directory names the parts."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.written += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        with archive.open("word/media/a.bin", "w") as part:
            part.write(b"\7" * 300_000)
        archive.writestr("word/document.xml", "<x/>")
        archive.writestr("[Content_Types].xml", "<x/>")
    found = await judge(bytes(pipe.written))
    assert str(found.media_type).endswith("wordprocessingml.document")
