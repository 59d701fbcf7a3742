"""Settings of imgproxy's addresses."""

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, StringConstraints

Hexadecimal = Annotated[SecretStr, Field(min_length=2)]


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
    imgproxy_sources: tuple[
        Annotated[str, StringConstraints(pattern=r"^https?://[^/?#]+")], ...
    ] = Field(
        (),
        description="What addresses elsewhere begin with that may be sources, by whole path "
        "segments: https://images.example/photos. Private hosts need import_private, too.",
    )
    imgproxy_watermark: str | None = Field(
        None, description="Id of the asset that imgproxy's wm option lays over images."
    )
