"""`image.resize`: images at other sizes and in other encodings."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.edit.resize_params import Fitting, ResizeParams, ResizeStep
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene
from mediakiln.operations.image.pixels.formats import ACCEPTS, EXTENSIONS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.edit.geometry import Layout
    from mediakiln.operations.image.pixels.formats import Output
    from mediakiln.operations.image.pixels.parts.view import View


@operation(
    "image.resize",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    version=6,
    capabilities=NEEDS,
)
def resize(source: Path, params: ResizeParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Scale, crop or pad an image, upright and in sRGB, and encode it without its metadata.

    Yields `image.{ext}`, or `w{n}.{ext}` for each of `widths`, each with the whole `srcset` and
    a `sizes` that fits it in its metadata.

    Raises:
        TooManyPixels, LimitExceeded: by the header, before anything is decoded.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.edit import geometry
    from mediakiln.operations.image.pixels import chain, encode, engine, picture, written

    engine.setup(context.threads)
    opened = picture.open_picture(source, context)
    output = encode.output_of(params, opened)
    scene = chain.scene_of(opened, output, params, context)
    sizes = geometry.layouts(params, opened.width, opened.height, vector=opened.vector)
    for size in sizes.values():
        geometry.check(size, context.max_pixels, frames=opened.frames if scene.frames else 1)
    facts = _responsive(sizes, output) if params.widths else {}
    with engine.translated():
        for stem, image in _renditions(scene, params, sizes, source):
            made = written.write(image, out, stem, output, params, opened)
            yield made.model_copy(update={"metadata": made.metadata | facts})


def _responsive(sizes: "dict[str, Layout]", output: "Output") -> dict[str, str]:
    """`srcset` and `sizes` of HTML's img element; the addresses are relative to the step's folder.

    Widths that came out alike, since small images are not enlarged, are named once.
    """
    files = {size.canvas_width: stem for stem, size in sizes.items()}
    named = [f"{files[width]}.{EXTENSIONS[output]} {width}w" for width in sorted(files)]
    return {
        "srcset": ", ".join(named),
        "sizes": f"(max-width: {max(files)}px) 100vw, {max(files)}px",
    }


def _renditions(
    scene: Scene, params: ResizeParams, sizes: "dict[str, Layout]", source: Path
) -> "Iterable[tuple[str, Any]]":
    """Each product's pixels: one decode, at the largest size; the others are scaled from that."""
    from mediakiln.operations.image.edit.canvas import onto_canvas
    from mediakiln.operations.image.pixels import chain, kept
    from mediakiln.operations.image.pixels.settle import settled

    largest = max(sizes.values(), key=lambda size: size.width)
    opened, target = scene.picture, scene.target
    still = not (scene.frames or opened.vector)
    larger = kept.find(source, largest.width, largest.height, target=target) if still else None
    if larger is not None:
        scaled = larger.thumbnail_image(largest.width, height=largest.height, size="force")
    else:
        scaled = chain.scaled(scene, largest.width, largest.height)
    again = scene.context.again and still and larger is None and kept.fits(scaled)
    if len(sizes) > 1 or again:
        scaled = settled(scaled)
    if again:
        kept.keep(source, scaled, target=target)
    for stem, size in sizes.items():
        image = scaled
        if size.width != largest.width:
            image = scaled.thumbnail_image(size.width, height=size.height, size="force")
        yield stem, onto_canvas(image, size, params, scene)


def _load(view: "View", params: Fitting, scene: Scene) -> Frames:
    """The decoder shrinks: no more is decoded than this step keeps."""
    from mediakiln.operations.image.edit import canvas, geometry
    from mediakiln.operations.image.pixels import chain

    enlarge = params.enlarge or view.picture.vector
    size = geometry.layout(params, view.width, view.height, enlarge=enlarge)
    count = view.picture.frames if scene.frames else 1
    geometry.check(size, scene.context.max_pixels, frames=count)
    return canvas.placed(chain.decoded(view, size.width, size.height, scene), size, params, scene)


def _apply(frames: Frames, params: Fitting, scene: Scene) -> Frames:
    from mediakiln.operations.image.edit import canvas, geometry

    first = frames[0]
    size = geometry.layout(params, first.width, first.height, enlarge=params.enlarge)
    geometry.check(size, scene.context.max_pixels, frames=len(frames))
    scaled = [
        frame.thumbnail_image(size.width, height=size.height, size="force") for frame in frames
    ]
    return canvas.placed(scaled, size, params, scene)


RESIZE = Edit("image.resize", ResizeStep, _apply, load=_load)
