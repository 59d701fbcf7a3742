"""Run edits one after another: one decoding before them, one encoding after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyvips

from mediakiln.model.product import Product
from mediakiln.operations.image.pixels import encode, engine, sizes, written
from mediakiln.operations.image.pixels.edit import Frames, Scene, Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import Output
from mediakiln.operations.image.pixels.managed.target import BYTE, DEEP, target_of
from mediakiln.operations.image.pixels.parts.view import View
from mediakiln.operations.image.pixels.picture import Picture, open_picture
from mediakiln.operations.image.pixels.settle import settled
from mediakiln.ports.operation import Context


def rendered(
    source: Path,
    steps: Sequence[Step],
    encoding: Encoding,
    out: Path,
    *,
    context: Context,
    bits: int | None = BYTE,
) -> Product:
    """Open the file, do the steps in their order, and write `image.{ext}` into `out`.

    More than 8 `bits` a channel need a format that holds them, and steps that can deal with them.
    None is as many as the source has.

    Raises:
        TooManyPixels, LimitExceeded: the source, or what a step makes, is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    engine.setup(context.threads)
    opened = open_picture(source, context)
    output = encode.output_of(encoding, opened)
    bits = encode.depth_of(encoding, opened, output) if bits is None else bits
    bits = bits if output in encode.DEEP else BYTE
    scene = scene_of(opened, output, encoding, context, depth=DEEP if bits > BYTE else BYTE)
    with engine.translated():
        image = edited(steps, scene)
        return written.write(image, out, "image", output, encoding, opened, bits=bits)


def scene_of(
    opened: Picture, output: Output, encoding: Encoding, context: Context, *, depth: int = BYTE
) -> Scene:
    """What edits may know of a picture that becomes a file of this format."""
    frames = encode.animates(encoding, opened, output)
    return Scene(opened, context, frames, target_of(encoding, output, depth))


def edited(steps: Sequence[Step], scene: Scene) -> Any:
    """The pixels after all steps: one libvips image, with frames stacked as libvips does.

    Raises:
        TooManyPixels, LimitExceeded: of what a step makes; nothing of it was computed.
    """
    frames, done = _loaded(steps, scene)
    for step in steps[done:]:
        if step.edit.rereads:
            frames = [settled(frame) for frame in frames]
        frames = step.edit.apply(frames, step.params, scene)
        check(frames, scene)
    return joined(frames)


def check(frames: Frames, scene: Scene) -> None:
    """Hold the frames' size against the limits; all frames count together.

    Raises:
        TooManyPixels, LimitExceeded: with the limit and the value.
    """
    first = frames[0]
    sizes.check(first.width, first.height, scene.context.max_pixels, frames=len(frames))


def scaled(scene: Scene, width: int, height: int) -> Any:
    """The whole source at exactly this size: one libvips image, with its frames stacked."""
    if scene.frames:
        return scene.picture.scaled(width, height, frames=True, target=scene.target)
    return View.whole(scene.picture).decoded(width, height, target=scene.target)


def decoded(view: View, width: int, height: int, scene: Scene) -> Frames:
    """The view's frames at exactly this size; all frames of an animation, or else one."""
    if scene.frames:
        return split(scaled(scene, width, height))
    return [view.decoded(width, height, target=scene.target)]


def split(image: Any) -> Frames:
    """The frames of a stack; these are decoded, since a stream can be read only once."""
    if image.height <= image.get_page_height():
        return [image]
    return list(settled(image).pagesplit())


def joined(frames: Frames) -> Any:
    """The stack of frames, as libvips' writers take it. Delays and loops are the first's."""
    if len(frames) == 1:
        return frames[0]
    stack = pyvips.Image.arrayjoin(frames, across=1).copy()
    stack.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    return stack


def _loaded(steps: Sequence[Step], scene: Scene) -> tuple[Frames, int]:
    """The frames after the first few steps, as many as can be had by decoding less."""
    view, done = _narrowed(steps, scene)
    following = steps[done].edit if done < len(steps) else None
    if following and following.load:
        frames, done = following.load(view, steps[done].params, scene), done + 1
    else:
        count = scene.picture.frames if scene.frames else 1
        sizes.check_pixels(view.width * view.height * count, scene.context.max_pixels, count)
        frames = decoded(view, view.width, view.height, scene)
    check(frames, scene)
    return frames, done


def _narrowed(steps: Sequence[Step], scene: Scene) -> tuple[View, int]:
    """What the steps at the beginning leave to be decoded, and how many of them said so."""
    view, done = View.whole(scene.picture), 0
    while done < len(steps) and not scene.frames:
        narrow = steps[done].edit.narrow
        narrower = narrow(view, steps[done].params, scene) if narrow else None
        if narrower is None:
            break
        view, done = narrower, done + 1
    return view, done
