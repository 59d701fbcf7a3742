"""What a child that read text holds afterwards."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from mediakiln.sandbox.rooms import RoomRules

pytest.importorskip("rapidocr")

RUN = """
import sys
from pathlib import Path
from mediakiln.operations.image.edit.redact import redact
from mediakiln.ports.operation import Context

source, out = map(Path, sys.argv[1:])
redact.run(source, {"what": ["text"]}, out, Context("image/png", threads=1))
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
"""


@pytest.mark.slow
def test_a_child_that_hid_text_is_small_enough_to_go_on_to_other_images(tmp_path: Path) -> None:
    image = Image.new("RGB", (900, 500), "white")
    font = ImageFont.load_default(30)
    for line in range(6):
        words = f"Line {line} of a letter 12345"
        ImageDraw.Draw(image).text((30, 20 + 60 * line), words, fill="black", font=font)
    image.save(tmp_path / "x.png")
    arguments = [sys.executable, "-c", RUN, str(tmp_path / "x.png"), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    rules = RoomRules(lambda name: nullcontext(tmp_path / name))
    assert int(done.stdout) / 1024 < rules.memory_mb
