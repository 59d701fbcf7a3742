"""How a picture stream is made ready to be encoded: upright, square pixels, at most so big, SDR."""

from mediakiln.operations.av.facts import VideoStream

# PQ and HLG to BT.709 by way of linear light, as in FFmpeg's own documentation of `tonemap`.
_TO_SDR = (
    "zscale=t=linear:npl=100",
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=tv",
)


def fit(
    stream: VideoStream, width: int | None, height: int | None, *, even: bool = False
) -> tuple[int, int]:
    """The size in pixels inside a box that keeps the shape and never enlarges.

    `even` rounds both down to even numbers, as 4:2:0 encoders need.
    """
    shown_width, shown_height = stream.display_width, stream.display_height
    ratio = min(1.0, (width or shown_width) / shown_width, (height or shown_height) / shown_height)
    step = 2 if even else 1
    return (
        max(step, round(shown_width * ratio) // step * step),
        max(step, round(shown_height * ratio) // step * step),
    )


def filters(stream: VideoStream, size: tuple[int, int], *, deinterlace: bool = True) -> list[str]:
    """The filter chain from decoded frames to upright ones of `size`.

    FFmpeg turns them by their display matrix before the chain; nothing here turns them again.
    """
    chain = []
    if deinterlace and stream.interlaced:
        chain.append("bwdif=mode=send_frame:deint=all")
    if stream.hdr is not None:
        chain.extend(_TO_SDR)
    chain.append(f"scale={size[0]}:{size[1]}:flags=lanczos")
    chain.append("setsar=1")
    return chain
