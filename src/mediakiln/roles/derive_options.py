"""Settings of images that are made on request."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, SecretStr

ImageFormat = Literal["avif", "webp", "jpeg", "png"]
IMAGES_KEY: Final = "images.key"
"""The file of the data folder with the key that was made where none is set."""


class ImageOptions(BaseModel):
    """Images on request: signatures, caching, limits."""

    images_signed: bool | None = Field(
        None,
        description="Whether addresses of images must be signed, or come with a key that may "
        "read; default: yes, but for requests of this machine to a loopback address.",
    )
    images_keys: tuple[Annotated[SecretStr, Field(min_length=16)], ...] = Field(
        (),
        description="Keys of signatures: the first signs, each verifies; default: one that is "
        "made in the data folder.",
    )
    images_signature_bytes: int = Field(
        32, ge=8, le=32, description="Bytes of a signature: fewer make shorter addresses."
    )
    images_presets: dict[str, str] = Field(
        {}, description="Presets of addresses of images: name to options, like w_400,h_300,f_auto."
    )
    images_formats: tuple[ImageFormat, ...] = Field(
        ("avif", "webp"),
        description="Formats that f_auto gives to clients that name them in Accept, best first.",
    )
    images_efforts: dict[ImageFormat, Annotated[int, Field(ge=0, le=9)]] = Field(
        {"avif": 1, "webp": 3},
        description="Effort of encoding, 0 (fast) to 9, by format, where an address names none.",
    )
    images_max_age_s: int = Field(
        3600, ge=0, description="Seconds that caches keep an image whose address has no version."
    )
    images_workers: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Images made at once in the fast lane, and half as many in the slow one; "
        "default: the number of cores.",
    )
    images_queue: int = Field(
        64, ge=0, le=10_000, description="Images that wait in each lane; others are refused (503)."
    )
    images_wall_s: float = Field(
        30.0,
        gt=0,
        description="Seconds that making an image may take, and fetching a source from elsewhere.",
    )
    images_memory_mb: int = Field(1024, ge=64, description="MiB that making an image may take.")
    images_per_process: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Images of one project that a sandboxed process makes, one after the other; "
        "1: a fresh process for each.",
    )
    images_slow_bytes: int = Field(
        30_000_000, ge=1, description="Sources larger than this take the slow lane."
    )
    images_slow_pixels: int = Field(
        50_000_000,
        ge=1,
        description="Sources of more pixels than this take the slow lane, and edits that make "
        "more, all together.",
    )
    images_store_bytes: int = Field(
        10_000_000_000, ge=0, description="Bytes of made images that are kept in the store."
    )
    images_store_days: float = Field(
        30.0, gt=0, description="Days that a made image is kept which nobody asks for."
    )
    images_memory_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Bytes of made images that a process keeps in memory."
    )
    images_source_bytes: int = Field(
        2_000_000_000,
        ge=0,
        description="Bytes of fetched sources that a process keeps on disk, where the store is "
        "not on this machine.",
    )
