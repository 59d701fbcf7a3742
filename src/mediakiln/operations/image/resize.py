"""`image.resize`: images at other sizes and in other encodings."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image import geometry
from mediakiln.operations.image.formats import (
    ACCEPTS,
    EXTENSIONS,
    MEDIA_TYPES,
    Output,
    default_output,
)
from mediakiln.operations.image.params import ResizeParams
from mediakiln.ports.operation import Context, OperationCapabilities, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.geometry import Layout
    from mediakiln.operations.image.picture import Picture


@operation(
    "image.resize",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    capabilities=OperationCapabilities(
        preload=(
            "mediakiln.operations.image.picture",
            "mediakiln.operations.image.compose",
            "mediakiln.operations.image.encode",
            "mediakiln.operations.image.kept",
            "PIL.Image",
            "pi_heif",
        ),
        tools=("pyvips", "pyvips-binary", "pi-heif", "pillow"),
    ),
)
def resize(source: Path, params: ResizeParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Scale, crop or pad an image, upright and in sRGB, and encode it without its metadata.

    Yields `image.{ext}`, or `w{n}.{ext}` for each of `widths`.

    Raises:
        TooManyPixels, LimitExceeded: by the header, before anything is decoded.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image import encode, engine, picture

    engine.setup(context.threads)
    opened = picture.open_picture(source, context)
    output = params.format
    if output == "auto":
        output = default_output(opened.format, alpha=opened.alpha, lossless=params.lossless)
    sizes = geometry.layouts(params, opened.width, opened.height, vector=opened.vector)
    frames = params.animated and opened.animated and output in encode.ANIMATED
    for size in sizes.values():
        geometry.check(size, context.max_pixels, frames=opened.frames if frames else 1)
    with engine.translated():
        images = _renditions(opened, params, sizes, source, frames=frames, again=context.again)
        for stem, image in images:
            yield _write(image, out / f"{stem}.{EXTENSIONS[output]}", output, params, opened)


def _renditions(
    opened: "Picture",
    params: ResizeParams,
    sizes: "dict[str, Layout]",
    source: Path,
    *,
    frames: bool,
    again: bool,
) -> "Iterable[tuple[str, Any]]":
    """Each product's pixels: one decode, at the largest size; the others are scaled from that."""
    from mediakiln.operations.image import kept
    from mediakiln.operations.image.compose import onto_canvas

    largest = max(sizes.values(), key=lambda size: size.width)
    icc, still = params.metadata == "icc", not (frames or opened.vector)
    larger = kept.find(source, largest.width, largest.height, keep_profile=icc) if still else None
    if larger is not None:
        scaled = larger.thumbnail_image(largest.width, height=largest.height, size="force")
    else:
        scaled = opened.scaled(largest.width, largest.height, frames=frames, keep_profile=icc)
    again = again and still and larger is None and kept.fits(scaled)
    if len(sizes) > 1 or again:
        scaled = scaled.copy_memory()
    if again:
        kept.keep(source, scaled, keep_profile=icc)
    for stem, size in sizes.items():
        image = scaled
        if size.width != largest.width:
            image = scaled.thumbnail_image(size.width, height=size.height, size="force")
        yield stem, onto_canvas(image, size, params)


def _write(
    image: Any, path: Path, output: Output, params: ResizeParams, opened: "Picture"
) -> Product:
    from mediakiln.operations.image import compose, encode

    if output in encode.OPAQUE:
        image = compose.flattened(image, params)
    try:
        encode.save(image, path, output, params)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    frames = image.get_n_pages() if image.height > image.get_page_height() else 1
    return Product(
        file=path.name,
        media_type=MEDIA_TYPES[output],
        metadata={
            "width": image.width,
            "height": image.get_page_height(),
            "frames": frames,
            "format": output,
            "original": {
                "width": opened.width,
                "height": opened.height,
                "frames": opened.frames,
                "format": opened.format,
            },
        },
    )
