"""Settings by subject, of which `Settings` is put together."""

from pydantic import BaseModel, Field


class IngestOptions(BaseModel):
    """Ways in."""

    upload_expiry_s: float = Field(
        7 * 86400.0, ge=60, description="Seconds an unfinished multipart or tus upload is kept."
    )


class AccessOptions(BaseModel):
    """Keys, tokens, quotas."""
