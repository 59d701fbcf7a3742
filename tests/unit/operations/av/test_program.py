"""FFmpeg is run without input, without our environment, and never left behind."""

import itertools
from pathlib import Path

import psutil
import pytest

from mediakiln.model.errors import BadMedia, UnsupportedMedia
from mediakiln.operations.av import program
from mediakiln.operations.av.demuxers import AUDIO_TYPES, VIDEO_TYPES
from mediakiln.ports.operation import Context

ENDLESS = ["-f", "lavfi", "-i", "sine", "-f", "s16le"]


def test_every_media_type_has_a_demuxer_that_this_ffmpeg_knows() -> None:
    for media_type in (*VIDEO_TYPES, *AUDIO_TYPES):
        options = program.source_options(Path("/nowhere"), Context(media_type))
        with pytest.raises(BadMedia) as missing:
            program.run([*options, "-f", "null", "-"])
        assert "No such file" in missing.value.message, media_type


def test_a_playlist_has_no_demuxer() -> None:
    with pytest.raises(UnsupportedMedia):
        program.source_options(Path("x"), Context("application/vnd.apple.mpegurl"))


def test_a_reader_that_leaves_early_ends_the_program() -> None:
    def read_a_little() -> None:
        with program.stream(ENDLESS) as pcm:
            assert len(pcm.read(1000)) == 1000
            raise TimeoutError

    with pytest.raises(TimeoutError):
        read_a_little()
    running = psutil.Process().children(recursive=True)
    assert not [child for child in running if "ffmpeg" in child.name()]


def test_a_reader_that_leaves_early_ends_a_program_that_is_still_fed() -> None:
    endless = itertools.repeat(bytes(65536))
    plain = ["-f", "s16le", "-i", "pipe:0", "-f", "s16le"]

    def read_a_little() -> None:
        with program.stream(plain, feed=endless) as pcm:
            assert pcm.read(1000) == bytes(1000)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        read_a_little()
    running = psutil.Process().children(recursive=True)
    assert not [child for child in running if "ffmpeg" in child.name()]


def test_it_is_known_what_is_decoded() -> None:
    assert program.decodes("libdav1d")
    assert not program.decodes("libnothing")


def test_what_a_failure_had_begun_to_write_is_taken_away(tmp_path: Path) -> None:
    def fail() -> None:
        with program.nothing_left(tmp_path):
            (tmp_path / "half.mp4").write_bytes(b"half")
            raise BadMedia

    with pytest.raises(BadMedia):
        fail()
    assert not list(tmp_path.iterdir())
