"""Settings by subject, of which `Settings` is put together."""

from pydantic import BaseModel, Field, SecretStr

from mediakiln.model.drops import Drop
from mediakiln.model.watched import WatchedFolder


class IngestOptions(BaseModel):
    """Ways in."""

    upload_expiry_s: float = Field(
        7 * 86400.0,
        ge=60,
        le=28 * 86400.0,
        description="Seconds an unfinished multipart or tus upload is kept.",
    )
    max_file_bytes: int = Field(
        5 * 10**12, ge=1, description="Limit of one file that comes in several requests, in bytes."
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins like https://example.org whose pages may upload; * is any."
    )
    max_form_files: int = Field(100, ge=1, le=10_000, description="Files in one form, at most.")
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
        (), description="ARNs of SNS topics whose subscriptions and signed messages are taken."
    )
    import_sources: dict[str, SecretStr] = Field(
        {}, description="Places that imports may read: name to s3://, gs://, az:// or file:// URL."
    )
    import_private: bool = Field(
        default=False, description="Allow imports from URLs on private addresses."
    )
    import_ports: tuple[int, ...] = Field(
        (80, 443), description="Ports of URLs that imports may connect to."
    )
    import_max_file_bytes: int = Field(
        10_000_000_000, ge=1, description="Limit of one imported or watched file, in bytes."
    )
    import_timeout_s: float = Field(
        3600.0, gt=0, description="Seconds that the fetching of one file from a URL may take."
    )
    import_min_rate: float = Field(
        1024.0, ge=0, description="Bytes per second below which a URL's server is too slow."
    )
    import_parallel: int = Field(
        8, ge=1, le=256, description="Files that one import role fetches at once."
    )
    watch: tuple[WatchedFolder, ...] = Field(
        (), description="Folders whose files are taken in as they come."
    )
    watch_settle_s: float = Field(
        2.0, ge=0, description="Seconds a watched file must have stood still to be complete."
    )
    watch_scan_s: float = Field(
        300.0, ge=1, description="Seconds between full looks at the watched folders."
    )
    search_names: bool = Field(
        default=True,
        description="Make assets be found by words of their names and tags, at a write per word.",
    )
    webhook_failing_days: float = Field(
        5.0, gt=0, description="Days a webhook may fail without pause before it is turned off."
    )


class AccessOptions(BaseModel):
    """Keys, tokens, quotas."""

    project: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{0,40}$",
        description="The project that the command line and the client mean, with the owner's key.",
    )
    rate_limit: str = Field(
        "", description="Requests of one key, like `20/second; 5000/hour`; empty: any number."
    )
    rate_storage: str = Field(
        "memory://", description="Where processes share their counts of requests: redis://…."
    )
    quota_files: int | None = Field(
        None, ge=1, description="Files that one key may put in a day (UTC); default: any number."
    )
    quota_bytes: int | None = Field(
        None, ge=1, description="Bytes that one key may put in a day (UTC); default: any number."
    )
    audit_days: float = Field(90.0, ge=1, description="Days that the audit trail is kept.")


class MetricsOptions(BaseModel):
    """Metrics of roles that run alone."""

    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of GET /metrics for a role that runs alone; 0 takes a free one; "
        "default: none.",
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address that MEDIAKILN_METRICS_PORT is on; it asks for no key."
    )
