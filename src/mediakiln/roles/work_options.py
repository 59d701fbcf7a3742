"""Settings of jobs: limits, presets, commands, models."""

from pathlib import Path

from pydantic import BaseModel, Field

from mediakiln.operations.image.provenance.signer import Algorithm


class WorkOptions(BaseModel):
    """What jobs may use, and what the operator gives to recipes and operations."""

    max_pixels: int = Field(200_000_000, ge=1, description="Pixels of one decoded frame.")
    max_frames: int = Field(1_000, ge=1, description="Frames or pages of one file.")
    wall_s: float = Field(0.0, ge=0, description="Seconds a step may run; 0: the operation's own.")
    memory_mb: int = Field(0, ge=0, description="MiB a step may use; 0: the operation's own.")
    heavy_bytes: int = Field(
        256 * 1024 * 1024, ge=1, description="Files this large take the slow lane."
    )
    recipes: Path | None = Field(None, description="A JSON file of presets: name to recipe.")
    commands: Path | None = Field(None, description="A JSON file of custom.command's commands.")
    label_models: dict[str, str | Path] = Field(
        {},
        description="Models of image.labels: name to a folder with model.onnx and its labels, "
        "or to rekognition://REGION.",
    )
    credentials_certificate: Path | None = Field(
        None, description="PEM file of image.credentials' certificates, the signer's first."
    )
    credentials_key: Path | None = Field(
        None, description="PEM file of its private key; only jobs that sign can read it."
    )
    credentials_algorithm: Algorithm | None = Field(
        None, description="What it signs with; default: what the key is for, ps256 with RSA."
    )
    credentials_anchors: Path | None = Field(
        None, description="PEM file of certificates that signatures of others are trusted by."
    )
