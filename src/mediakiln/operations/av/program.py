"""FFmpeg, run as a program of its own under limits, its complaints made errors of ours.

It is never linked in. It may open local files and pipes only, and only by the demuxer that
the file's own media type names: a playlist or a concat script dressed up as a video cannot
send it to other files. Options: https://ffmpeg.org/ffmpeg.html, https://ffmpeg.org/ffmpeg-formats.html
"""

import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO

from mediakiln.model.errors import MediakilnError
from mediakiln.operations.av.complaints import explain
from mediakiln.operations.av.demuxers import demuxer
from mediakiln.operations.av.limits import MAX_ALLOC_BYTES, MAX_STREAMS
from mediakiln.ports.operation import Context

_KEPT_LINES = 20_000
"""Of what it said last; a broken file can make it say a line a frame."""
_LINE_BYTES = 4096
_ENVIRONMENT = {"SVT_LOG": "1"}
"""All of it: nothing of ours leaks into the program. SVT-AV1 speaks of errors only."""


@cache
def executable() -> str:
    """Where the FFmpeg that imageio-ffmpeg carries is."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def source_options(source: Path, context: Context, *, seek_s: float | None = None) -> list[str]:
    """Open `source` by the demuxer of its media type, from `seek_s` seconds if given.

    Raises:
        UnsupportedMedia: no demuxer is known for the media type.
    """
    name = demuxer(context.media_type)
    seek = [] if seek_s is None else ["-ss", f"{seek_s:.6f}"]
    return [
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", name, "-f", name),
        *("-max_streams", str(MAX_STREAMS), "-max_pixels", str(context.max_pixels)),
        *("-threads", str(context.threads), *seek, "-i", f"file:{source}"),
    ]


def run(arguments: Sequence[str], *, threads: int = 1, level: str = "error") -> list[str]:
    """Run FFmpeg to its end; returns the lines it said, at that log level.

    Raises:
        BadMedia: the file cannot be decoded.
        LimitExceeded: it wants more than is allowed.
        OperationFailed: FFmpeg does not understand what it was asked.
    """
    with _child(arguments, threads, level, subprocess.DEVNULL) as (_, said):
        pass
    return list(said)


@cache
def decodes(name: str) -> bool:
    """Whether there is an FFmpeg, and it has the decoder of this name."""
    try:
        command = [executable(), "-hide_banner", "-h", f"decoder={name}"]
        told = subprocess.run(
            command, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except (RuntimeError, OSError):
        return False
    return told.stdout.startswith(f"Decoder {name} ".encode())


@contextmanager
def stream(
    arguments: Sequence[str], *, threads: int = 1, feed: Iterable[bytes] | None = None
) -> Iterator[IO[bytes]]:
    """What FFmpeg writes to its standard output, as it comes; raises as `run` does.

    `feed` is what it reads from its standard input. Leaving the block early, or dropping what it
    is left in, ends FFmpeg.
    """
    written = [*arguments, "pipe:1"]
    with _child(written, threads, "error", subprocess.PIPE, feed) as (child, _):
        assert child.stdout is not None  # noqa: S101 - it was asked for as a pipe
        yield child.stdout


@contextmanager
def nothing_left(out: Path) -> Iterator[None]:
    """Where the work inside fails, take away what FFmpeg had begun to write to `out`."""
    try:
        yield
    except MediakilnError:
        for begun in out.iterdir():
            begun.unlink()
        raise


@contextmanager
def _child(
    arguments: Sequence[str],
    threads: int,
    level: str,
    stdout: int,
    feed: Iterable[bytes] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], deque[str]]]:
    command = [
        *(executable(), "-nostdin", "-hide_banner", "-nostats", "-y", "-loglevel", level),
        *("-max_alloc", str(MAX_ALLOC_BYTES)),
        *("-filter_threads", str(threads), "-filter_complex_threads", str(threads)),
        *arguments,
    ]
    said: deque[str] = deque(maxlen=_KEPT_LINES)
    stdin = subprocess.DEVNULL if feed is None else subprocess.PIPE
    with subprocess.Popen(
        command, env=_ENVIRONMENT, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
    ) as child:
        # Their own threads, so that a full pipe never stops the pictures.
        helpers = [Thread(target=_listen, args=(child.stderr, said), daemon=True)]
        if feed is not None:
            helpers.append(Thread(target=_feed, args=(child.stdin, feed), daemon=True))
        for helper in helpers:
            helper.start()
        try:
            yield child, said
            code = child.wait()
        finally:
            child.kill()
            child.wait()
            for helper in helpers:
                helper.join()
    if code != 0:
        raise explain(code, said)


def _listen(stderr: IO[bytes], said: deque[str]) -> None:
    while line := stderr.readline(_LINE_BYTES):
        said.append(line.decode("utf-8", "replace").rstrip())


def _feed(stdin: IO[bytes], pieces: Iterable[bytes]) -> None:
    # It may end before it has read everything; its exit says why.
    with suppress(BrokenPipeError), stdin:
        for piece in pieces:
            stdin.write(piece)
