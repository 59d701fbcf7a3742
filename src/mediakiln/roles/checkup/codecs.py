"""Whether the libraries and programs that read media are there and whole."""

import subprocess
import sys
from collections.abc import Iterator

from mediakiln.roles.checkup.findings import Finding, fails, good

_CODECS = {
    "jpegload": "JPEG",
    "pngload": "PNG",
    "webpload": "WebP",
    "heifload": "AVIF",
    "gifload": "GIF",
    "tiffload": "TIFF",
    "svgload": "SVG",
}
_ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "aac", "libmp3lame", "libopus")


def codecs() -> Iterator[Finding]:
    """Python, the image, document, 3D and video libraries, FFmpeg."""
    yield good("Python", sys.version.split()[0])
    yield from _codecs()
    yield from _programs()


def _codecs() -> Iterator[Finding]:
    """Whether libvips and the libraries beside it load, and what they read."""
    try:
        import pyvips

        have = [
            word for loader, word in _CODECS.items() if pyvips.type_find("VipsOperation", loader)
        ]
    except (ImportError, OSError) as error:
        yield fails("libvips", error, "install again: pip install --force-reinstall pyvips-binary")
    else:
        lacking = sorted(set(_CODECS.values()) - set(have))
        version = ".".join(str(pyvips.version(part)) for part in range(3))
        if lacking:
            remedy = "pip install --force-reinstall pyvips-binary"
            yield fails("libvips", f"{version} lacks {', '.join(lacking)}", remedy)
        else:
            yield good("libvips", f"{version}: {', '.join(have)}")
    for name, module in (
        ("HEIC", "pi_heif"),
        ("PDF", "pypdfium2"),
        ("MediaInfo", "pymediainfo"),
        ("3D", "trimesh"),
    ):
        try:
            __import__(module)
        except (ImportError, OSError) as error:
            yield fails(name, error, f"pip install --force-reinstall {module.replace('_', '-')}")
        else:
            yield good(name, f"{module} loads")


def _programs() -> Iterator[Finding]:
    """Whether FFmpeg runs, and the encoders it has."""
    remedy = "pip install --force-reinstall imageio-ffmpeg"
    try:
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
        listed = subprocess.run(
            [program, "-hide_banner", "-encoders"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
    except (ImportError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        yield fails("FFmpeg", error, remedy)
        return
    lacking = [name for name in _ENCODERS if f" {name} " not in listed]
    if lacking:
        yield fails("FFmpeg", f"lacks {', '.join(lacking)}", remedy)
    else:
        yield good("FFmpeg", f"{imageio_ffmpeg.get_ffmpeg_version()}: {', '.join(_ENCODERS)}")
