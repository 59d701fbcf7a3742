"""The demo's files are real, small, and the same every time."""

import json
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from mediakiln.cli.samples import make_samples
from mediakiln.operations.audio.waveform import waveform
from mediakiln.operations.model3d.inspect import inspect
from mediakiln.operations.video.probe import probe
from mediakiln.ports.operation import Context

pytestmark = pytest.mark.xdist_group("samples")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {path.name: path for path in make_samples(tmp_path_factory.mktemp("samples"))}


def test_there_is_one_of_each_kind_and_all_are_small(made: dict[str, Path]) -> None:
    assert list(made) == ["kiln.jpg", "letter.pdf", "vase.glb", "clip.mp4", "chord.wav"]
    assert sum(path.stat().st_size for path in made.values()) < 2_000_000


def test_they_are_the_same_every_time(made: dict[str, Path], tmp_path: Path) -> None:
    for again in make_samples(tmp_path):
        assert again.read_bytes() == made[again.name].read_bytes(), again.name


def test_the_picture_is_a_picture(made: dict[str, Path]) -> None:
    with Image.open(made["kiln.jpg"]) as image:
        assert image.size == (1600, 1067)
        assert image.getexif()[0x010E] == "A kiln at dusk"
        pixels = np.asarray(image, float)
    assert pixels.std() > 30
    assert pixels[780:840, 780:820, 0].mean() > pixels[:80, :, 0].mean() + 150


def test_the_letter_can_be_read(made: dict[str, Path]) -> None:
    document = pypdfium2.PdfDocument(made["letter.pdf"])
    assert len(document) == 1
    page = document[0]
    text = page.get_textpage().get_text_range()
    assert text.startswith("How to fire a kiln")
    assert "see what you have made." in text
    assert document.get_metadata_dict()["Title"] == "How to fire a kiln"
    document.close()


def test_the_vase_is_closed_and_stands_on_the_ground(made: dict[str, Path], tmp_path: Path) -> None:
    inspect.run(made["vase.glb"], {}, tmp_path, Context("model/gltf-binary"))
    info = json.loads((tmp_path / "info.json").read_text())
    assert (info["watertight"], info["components"]) == (True, 1)
    assert info["bounds"][0][1] == pytest.approx(0.0, abs=1e-6)
    assert info["extents"][1] == pytest.approx(0.335, abs=0.01)
    assert info["geometries"][0]["colours"] == "vertex"


def test_the_clip_and_the_chord_play(made: dict[str, Path], tmp_path: Path) -> None:
    probe.run(made["clip.mp4"], {}, tmp_path, Context("video/mp4"))
    info = json.loads((tmp_path / "info.json").read_text())
    assert (info["video"][0]["width"], info["video"][0]["height"]) == (640, 360)
    assert info["duration_s"] == pytest.approx(3.0, abs=0.05)
    assert len(info["audio"]) == 1
    data, _ = waveform.run(made["chord.wav"], {}, tmp_path, Context("audio/wav"))
    assert data.metadata["duration_s"] == 4.0
    assert 0.2 < data.metadata["peak"] < 1.0
