"""One small real file of each kind, made on the spot: what `mediakiln demo` puts through.

Everything is drawn, written or synthesised here, the same every time.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediakiln.cli.letter import write_letter
from mediakiln.cli.painting import paint_kiln
from mediakiln.operations.av import program

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Points = npt.NDArray[np.float64]

_FRACTAL = (
    "mandelbrot=size=640x360:rate=25:maxiter=300:inner=black"
    ":end_pts=90:end_scale=0.004:start_x=-0.7436:start_y=0.1319"
)
_FIRE = "format=gray,format=yuv444p,pseudocolor=preset=inferno,eq=gamma=1.3,format=yuv420p"


def make_samples(folder: Path) -> list[Path]:
    """Write kiln.jpg, letter.pdf, vase.glb, clip.mp4 and chord.wav; returns them in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "kiln.jpg": paint_kiln,
        "letter.pdf": write_letter,
        "vase.glb": turn_vase,
        "clip.mp4": film_clip,
        "chord.wav": play_chord,
    }
    made = []
    for name, make in makers.items():
        make(folder / name)
        made.append(folder / name)
    return made


def turn_vase(target: Path) -> None:
    """A glazed vase: a profile in metres, turned about its axis, coloured by height (GLB)."""
    import numpy as np
    import trimesh

    outside = [
        *[(0.0, 0.0), (0.055, 0.0), (0.06, 0.01), (0.085, 0.06), (0.1, 0.12), (0.095, 0.18)],
        *[(0.07, 0.24), (0.045, 0.285), (0.042, 0.31), (0.055, 0.335)],
    ]
    inside = [(0.049, 0.333), (0.036, 0.308), (0.04, 0.283), (0.065, 0.235), (0.089, 0.18)]
    inside += [(0.093, 0.12), (0.079, 0.065), (0.05, 0.012), (0.0, 0.012)]
    profile = _smooth(np.array(outside + inside), steps=6)
    vase: Any = trimesh.creation.revolve(profile, sections=72)
    height = vase.vertices[:, 2] / vase.vertices[:, 2].max()
    stops = [0.0, 0.18, 0.22, 0.6, 0.8, 1.0]
    shades = np.array(
        [
            (92, 52, 36),
            (120, 66, 42),
            (24, 78, 92),
            (52, 140, 150),
            (226, 214, 190),
            (236, 226, 204),
        ]
    )
    colours = np.stack([np.interp(height, stops, shades[:, part]) for part in range(3)], axis=1)
    opaque = np.full((len(height), 1), 255)
    vase.visual.vertex_colors = np.hstack([colours, opaque]).astype(np.uint8)
    # From z up to y up, as glTF has it.
    vase.apply_transform([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    scene: Any = trimesh.Scene()
    scene.add_geometry(vase, node_name="vase", geom_name="vase")
    target.write_bytes(scene.export(file_type="glb"))


def film_clip(target: Path) -> None:
    """Three seconds of a zoom into the Mandelbrot set with a tone (MP4, 640 x 360, 25 a second)."""
    program.run(
        [
            *("-f", "lavfi", "-i", _FRACTAL),
            *("-f", "lavfi", "-i", "aevalsrc='0.2*sin(2*PI*(220+40*t)*t)*min(1,3-t)':s=44100"),
            *("-t", "3", "-vf", _FIRE, "-c:v", "libx264", "-preset", "veryfast"),
            *("-crf", "28", "-g", "50", "-c:a", "aac", "-b:a", "96k", "-ac", "2"),
            *("-movflags", "+faststart", "-fflags", "+bitexact"),
            *("-flags:v", "+bitexact", "-flags:a", "+bitexact", f"file:{target}"),
        ],
        threads=1,
    )


def play_chord(target: Path) -> None:
    """Four seconds of a C major seventh, note after note, dying away (WAV, stereo)."""
    notes = (261.63, 329.63, 392.0, 493.88)
    parts = [
        f"0.2*sin(2*PI*{pitch}*t)*exp(-1.1*max(t-{start},0))*gte(t,{start})"
        f"*min(1,50*max(t-{start},0))"
        for pitch, start in zip(notes, (0.0, 0.35, 0.7, 1.05), strict=True)
    ]
    left, right = "+".join(parts), "+".join(reversed(parts))
    program.run(
        [
            *("-f", "lavfi", "-i", f"aevalsrc='{left}|{right}':s=44100:d=4"),
            *("-c:a", "pcm_s16le", "-metadata", "title=Chord", "-fflags", "+bitexact"),
            *("-flags:a", "+bitexact", f"file:{target}"),
        ],
        threads=1,
    )


def _smooth(points: "Points", steps: int) -> "Points":
    """The Catmull-Rom curve through (n, 2) points, `steps` pieces between each two."""
    import numpy as np

    padded = np.vstack([points[0], points, points[-1]])
    along = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * along
            + (2 * a - 5 * b + 4 * c - d) * along**2
            + (3 * b - a - 3 * c + d) * along**3
        )
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    curve = np.vstack([*pieces, points[-1]])
    # It must cross neither the axis, where the radius is nothing, nor the ground.
    clear: Points = np.maximum(curve, 0.0)
    return clear
