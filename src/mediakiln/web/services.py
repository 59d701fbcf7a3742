"""What the web application needs of the rest of the platform."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import REGISTRY, CollectorRegistry

from mediakiln.ports.broker import Broker
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.access import Access
from mediakiln.stages.deadletters import DeadLetters
from mediakiln.stages.deliver import Deliver
from mediakiln.stages.derive import Derive
from mediakiln.stages.erasure import Erasures
from mediakiln.stages.importing import ImportDesk
from mediakiln.stages.manage import Manage
from mediakiln.stages.notify import Deliveries
from mediakiln.stages.receive import Receive
from mediakiln.stages.recipes import RecipeBook
from mediakiln.stages.search import Search
from mediakiln.stages.uploads.direct import Direct
from mediakiln.stages.uploads.multipart import MultipartUploads
from mediakiln.stages.uploads.s3.stage import S3Uploads
from mediakiln.stages.uploads.tus import TusUploads
from mediakiln.web.derive.rules import ImageRules
from mediakiln.web.guard.rates import Rates

Ready = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Answers, for every part that must work, None or why it does not."""


class TakeNews(Protocol):
    """Takes what a store tells of its objects; answers with what the store is to hear."""

    async def __call__(self, body: bytes, *, known: bool) -> Mapping[str, Any]:
        """Take one notification; `known` is whether its sender has shown a key.

        Raises:
            Unauthorised: it has not, and nothing else says who it is.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The stages, engines and settings behind the HTTP interface."""

    receive: Receive
    imports: ImportDesk
    deliver: Deliver
    manage: Manage
    erasures: Erasures
    dead: DeadLetters
    recipes: RecipeBook
    access: Access
    search: Search
    store: ObjectStore
    catalog: Catalog
    broker: Broker
    ready: Ready
    max_upload_bytes: int
    multipart: MultipartUploads
    tus: TusUploads
    s3: S3Uploads
    deliveries: Deliveries
    direct: Direct
    news: TakeNews
    max_form_files: int = 100
    public_url: str | None = None
    """The address clients know this service by; without it each request's own is used."""
    trust_proxy: bool = False
    """Believe X-Forwarded-Proto and X-Forwarded-Host, which a proxy in front must set."""
    cors_origins: tuple[str, ...] = ()
    """Other sites whose pages may upload."""
    owner_key: str | None = None
    """The key that opens everything, as `access` has it; None turns authentication off."""
    rates: Rates = field(default_factory=Rates)
    delivery_public: bool = False
    """Originals and products may be read by whoever knows their address."""
    derive: Derive | None = None
    """Makes images on request; None where no address asks for any."""
    image_rules: ImageRules | None = None
    metrics: CollectorRegistry = field(default=REGISTRY)
