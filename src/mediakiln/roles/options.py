"""Settings by subject, of which `Settings` is put together."""

from pydantic import BaseModel, Field

from mediakiln.model.drops import Drop


class IngestOptions(BaseModel):
    """Ways in."""

    upload_expiry_s: float = Field(
        7 * 86400.0, ge=60, description="Seconds an unfinished multipart or tus upload is kept."
    )
    direct_expiry_s: float = Field(
        3600.0, ge=60, le=7 * 86400, description="Seconds a signed request to the bucket is good."
    )
    drops: tuple[Drop, ...] = Field(
        (), description="What becomes of objects that others put into the input bucket, by prefix."
    )
    lost_grace_s: float = Field(
        900.0, ge=1, description="Seconds until an object is looked for whose event did not come."
    )
    notification_topics: tuple[str, ...] = Field(
        (), description="ARNs of the SNS topics whose subscriptions are confirmed."
    )
    webhook_failing_days: float = Field(
        5.0, gt=0, description="Days a webhook may fail without pause before it is turned off."
    )


class AccessOptions(BaseModel):
    """Keys, tokens, quotas."""
