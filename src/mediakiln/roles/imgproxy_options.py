"""Settings of imgproxy's addresses."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

Hexadecimal = Annotated[SecretStr, Field(min_length=2)]
_ORIGIN = re.compile(r"(https?|s3|gs|az)://[^/?#]+.*|file:///.*")


def _origin(value: SecretStr) -> SecretStr:
    if not _ORIGIN.fullmatch(value.get_secret_value()):
        raise ValueError("a source is https://…, s3://…, gs://…, az://… or file:///…")
    return value


Origin = Annotated[SecretStr, AfterValidator(_origin)]
"""Secret, since a place's URL may hold credentials."""


class ImgproxyOptions(BaseModel):
    """imgproxy's addresses: its keys and salts, presets, sources, watermark."""

    imgproxy_keys: tuple[Hexadecimal, ...] = Field(
        (),
        description="Keys that imgproxy's addresses are signed with, hexadecimal, as in its own "
        "IMGPROXY_KEY; several while keys change.",
    )
    imgproxy_salts: tuple[Hexadecimal, ...] = Field(
        (), description="The salt of each of these keys, hexadecimal, as in IMGPROXY_SALT."
    )
    imgproxy_signature_bytes: int = Field(
        32, ge=8, le=32, description="Bytes of a signature, as in IMGPROXY_SIGNATURE_SIZE."
    )
    imgproxy_presets: dict[str, str] = Field(
        {}, description="Presets of imgproxy's addresses: name to options, like rs:fill:300:200."
    )
    imgproxy_sources: tuple[Origin, ...] = Field(
        (),
        description="What may be sources elsewhere, by whole path segments: "
        "https://images.example/photos (private hosts need import_private, too), and places as "
        "in import_sources: s3://bucket/prefix, gs://…, az://…, and file:///folder for local:///.",
    )
    imgproxy_base_url: str = Field(
        "",
        description="What is put in front of sources that are neither a whole address nor an "
        "asset's id, as IMGPROXY_BASE_URL.",
    )
    imgproxy_auto_format: bool = Field(
        default=False,
        description="Whether the request's Accept header chooses the format, AVIF or WebP, that "
        "an address does not name, as IMGPROXY_AUTO_AVIF and IMGPROXY_AUTO_WEBP.",
    )
    imgproxy_watermark: str | None = Field(
        None, description="Id of the asset that imgproxy's wm option lays over images."
    )
