"""Settings: environment over file over default. Nothing else reads the environment."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.model.kind import Kind
from mediakiln.model.topology import CHANGES
from mediakiln.roles.derive_options import IMAGES_KEY, ImageOptions
from mediakiln.roles.imgproxy_options import ImgproxyOptions
from mediakiln.roles.options import AccessOptions, IngestOptions, MetricsOptions
from mediakiln.roles.secret import kept
from mediakiln.roles.work_options import WorkOptions

PREFIX = "MEDIAKILN_"
MIB = 1024 * 1024
_ENGINES = ("store", "broker", "catalog")
_NOT_OURS = (f"{PREFIX}TEST_", f"{PREFIX}ENGINES_")
"""Of the tests, and of the scripts that start servers for them."""


class Webhook(BaseModel):
    """A target of notifications, by Standard Webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="https://… or log://")
    secret: SecretStr | None = Field(default=None, description="whsec_… to sign with.")


class Settings(
    IngestOptions,
    AccessOptions,
    MetricsOptions,
    WorkOptions,
    ImageOptions,
    ImgproxyOptions,
    BaseSettings,
):
    """Everything that can be set. Each field's environment name is MEDIAKILN_ and its name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data: Path = Field(Path("mediakiln-data"), description="The folder that holds all state.")
    config: Path | None = Field(None, description="A TOML file of settings.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=256,
        description="Jobs that run at once.",
    )
    auth: bool = Field(default=True, description="Ask for a key; off only on a loopback address.")
    url: str | None = Field(None, description="Where the command line finds the server.")
    key: SecretStr | None = Field(None, description="The key the command line sends.")
    store: str | None = Field(None, description="Object store URL; default: below the data folder.")
    broker: str | None = Field(None, description="Broker URL; default: below the data folder.")
    catalog: str | None = Field(None, description="Catalog URL; default: below the data folder.")
    public_url: str | None = Field(None, description="Base of the URLs in answers.")
    trust_proxy: bool = Field(default=False, description="Believe X-Forwarded-* headers.")
    delivery: Literal["private", "public"] = Field(
        "private", description="Whether originals and products are shown without a key."
    )
    max_upload_bytes: int = Field(100_000_000, ge=1, description="Limit of one POST, in bytes.")
    reserve_bytes: int = Field(256 * MIB, ge=0, description="Store bytes kept free.")
    lease_s: float = Field(30.0, ge=1, description="Seconds until a dead worker's work is retried.")
    max_attempts: int = Field(5, ge=1, le=50, description="Starts of one run before it fails.")
    retry_base_s: float = Field(1.0, gt=0, description="First pause before a retry, doubled each.")
    stall_s: float = Field(300.0, ge=1, description="Seconds until a standing record is looked at.")
    max_backlog_age_s: float = Field(
        6 * 3600.0, gt=0, description="Uploads are refused while a job has waited this long."
    )
    max_backlog: int = Field(
        100_000,
        ge=1,
        description="Waiting jobs of a topic beyond which uploads are refused where the broker "
        "does not know their age (Kafka, SQS).",
    )
    archive_days: int = Field(30, ge=7, description="Days that archive copies are kept.")
    deletion_grace_s: float = Field(7 * 86400.0, ge=0, description="Seconds from delete to purge.")
    notify: tuple[Webhook, ...] = Field((), description="Who hears of completed runs.")
    notify_private: bool = Field(
        default=False, description="Allow webhook targets on private addresses."
    )
    changes: tuple[str, ...] = Field(
        (), description="Groups that read the stream of records' changes; none: it is not written."
    )
    changes_captured: bool = Field(
        default=False,
        description="Change data capture publishes the changes: roles write and do not send them.",
    )
    detector: Literal["signature", "magika"] = Field("signature", description="Type detection.")
    require_isolation: bool | None = Field(
        None, description="Refuse to work without kernel isolation; default: off on loopback only."
    )
    kinds: tuple[Kind, ...] = Field(tuple(Kind), description="Kinds a process role works on.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Verbosity."
    )
    log_json: bool = Field(default=False, description="Log lines as JSON objects.")
    listen_fd: int | None = Field(
        None, ge=3, description="An open listening socket to serve on; set by the supervisor."
    )
    metrics_dir: Path | None = Field(
        None, description="Where processes share their metrics; set by the supervisor."
    )
    samples: Path | None = Field(None, description="A folder of real files, for tests.")

    def __init__(self, **values: Any) -> None:
        """Read every source.

        Raises:
            EngineMisconfigured: a value cannot be; names the setting.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _explained(error) from None
        except (SettingsError, TOMLDecodeError) as error:
            raise EngineMisconfigured(f"the settings cannot be read: {error}") from error
        _refuse_unknown(os.environ)

    @classmethod
    def given(cls, **values: Any) -> "Settings":
        """Settings with what the command line gave; None means it was not given."""
        return cls(**{name: value for name, value in values.items() if value is not None})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over file."""
        del dotenv_settings, file_secret_settings
        found = config_file()
        file = TomlConfigSettingsSource(settings_cls, found) if found else None
        return (init_settings, env_settings, *([file] if file else []))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def store_url(self) -> str:
        """The object store in effect."""
        return self.store or f"file://{self.data.resolve()}/store"

    @property
    def broker_url(self) -> str:
        """The broker in effect."""
        return self.broker or f"sqlite:///{self.data.resolve()}/broker.db"

    @property
    def catalog_url(self) -> str:
        """The catalog in effect."""
        return self.catalog or f"sqlite:///{self.data.resolve()}/catalog.db"

    @property
    def isolation_required(self) -> bool:
        """Whether working without kernel isolation is refused."""
        return not self.loopback if self.require_isolation is None else self.require_isolation

    @property
    def captured(self) -> tuple[str, ...]:
        """Topics that change data capture feeds."""
        return (CHANGES,) if self.changes_captured else ()

    def check(self) -> None:
        """Refuse combinations that would be unsafe or lose something.

        Raises:
            EngineMisconfigured: says which setting, and the remedy.
        """
        if self.changes_captured and not self.catalog_url.startswith("postgresql:"):
            raise EngineMisconfigured(
                "MEDIAKILN_CHANGES_CAPTURED is on and the catalog is not PostgreSQL",
                hint="leave it off: the relay feeds `changes` on every catalog",
            )
        if not self.auth and not self.loopback:
            raise EngineMisconfigured(
                f"MEDIAKILN_AUTH is off and MEDIAKILN_HOST is {self.host}",
                hint="listen on 127.0.0.1, or leave the key on",
            )

    def make_data(self) -> Path:
        """The data folder, which is there and can be written to afterwards; made, it is ours alone.

        Raises:
            EngineMisconfigured: it cannot be.
        """
        hint = "name another with --data or MEDIAKILN_DATA, or mend its permissions"
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EngineMisconfigured(
                f"the data folder {self.data} cannot be made: {error.strerror}", hint=hint
            ) from error
        if not os.access(self.data, os.W_OK | os.X_OK):
            raise EngineMisconfigured(f"the data folder {self.data} is read-only", hint=hint)
        return self.data

    def owner_key(self) -> str:
        """The owner's key: made at the first start, kept in the data folder at mode 0600."""
        if self.key is not None:
            return self.key.get_secret_value()
        path = self.make_data() / "owner.key"
        return path.read_text().strip() if path.exists() else kept(path, prefix="mk_")

    def image_keys(self) -> tuple[str, ...]:
        """What addresses of images are signed with; without any given, one that is made here."""
        if self.images_keys:
            return tuple(key.get_secret_value() for key in self.images_keys)
        path = self.make_data() / IMAGES_KEY
        return (path.read_text().strip() if path.exists() else kept(path),)


def without_password(url: str) -> str:
    """An engine's URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:***@{host}").geturl()


def _explained(error: ValidationError) -> EngineMisconfigured:
    first = error.errors(include_url=False)[0]
    name, *rest = (str(part) for part in first["loc"] or ("settings",))
    if name not in Settings.model_fields:
        return _unknown(f"{PREFIX}{name.upper()}")
    where = ".".join([f"{PREFIX}{name.upper()}", *rest])
    hint = f"it is: {Settings.model_fields[name].description}"
    return EngineMisconfigured(f"{where}: {first['msg']}", hint=hint)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """A misspelt variable would be ignored in silence."""
    for name in sorted(environment):
        if (
            name.startswith(PREFIX)
            and not name.startswith(_NOT_OURS)
            and name.removeprefix(PREFIX).lower() not in Settings.model_fields
        ):
            raise _unknown(name)


def _unknown(name: str) -> EngineMisconfigured:
    fields = [field.upper() for field in Settings.model_fields]
    close = get_close_matches(name.removeprefix(PREFIX), fields, n=1)
    hint = f"did you mean {PREFIX}{close[0]}?" if close else "`mediakiln config` lists them"
    return EngineMisconfigured(f"there is no setting {name}", hint=hint)


def config_file() -> Path | None:
    """The settings file: MEDIAKILN_CONFIG, else `mediakiln.toml` in the current folder."""
    named = os.environ.get(f"{PREFIX}CONFIG")
    path = Path(named or "mediakiln.toml")
    if named and not path.is_file():
        raise EngineMisconfigured(f"MEDIAKILN_CONFIG names {path}, which is not a file")
    return path if path.is_file() else None


def origins(settings: Settings) -> dict[str, tuple[Any, str]]:
    """Each setting's value and where it came from; secrets are not shown."""
    file = config_file()
    in_file = TomlConfigSettingsSource(Settings, file)() if file else {}
    shown: dict[str, tuple[Any, str]] = {}
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        if variable in os.environ:
            origin = f"environment {variable}"
        elif name in in_file:
            origin = f"file {file}"
        elif name in settings.model_fields_set:
            origin = "command line"
        else:
            origin = "default"
        value = getattr(settings, name)
        shown[name] = (without_password(value) if name in _ENGINES and value else value, origin)
    return shown
