"""The role that answers HTTP: uploads, delivery, the page."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from prometheus_client import REGISTRY

from mediakiln.model.errors import MediakilnError, StorageFull
from mediakiln.roles import derive, imgproxy, imports, parts
from mediakiln.roles.engines import Engines
from mediakiln.roles.objects import object_news
from mediakiln.roles.presets import check_presets
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.access import Access
from mediakiln.stages.deadletters import DeadLetters
from mediakiln.stages.deliver import Deliver
from mediakiln.stages.erasure import Erasures
from mediakiln.stages.manage import Manage
from mediakiln.stages.receive import Receive
from mediakiln.stages.search import Search
from mediakiln.telemetry import metrics
from mediakiln.telemetry.metrics import shared_registry
from mediakiln.web.app import create_app
from mediakiln.web.doors import DELIVERY
from mediakiln.web.guard.rates import Rates
from mediakiln.web.server import Server, make_server
from mediakiln.web.services import Services

log = logging.getLogger(__name__)

BACKLOG_EVERY_S = 15.0
WARM_EVERY_S = 0.5


class WebServer:
    """Serves until told to stop, then lets running requests end."""

    def __init__(
        self,
        settings: Settings,
        engines: Engines,
        services: Services,
        *,
        door: str | None = None,
    ) -> None:
        self._settings = settings
        self._engines = engines
        self._services = services
        self._door = door

    async def run(self, stop: asyncio.Event) -> None:
        """Serve; beside it the backlog's gauges are kept fresh, and images' sandbox is warmed."""
        if self._door == DELIVERY and self._services.derive is not None:
            # What serves nothing else had better not serve before it can.
            await self._services.derive.start()
        server = make_server(
            create_app(self._services, door=self._door),
            host=self._settings.host,
            port=self._settings.port,
            fd=self._settings.listen_fd,
        )
        serving = asyncio.create_task(server.serve())
        beside = [
            asyncio.create_task(self._measure_backlog()),
            asyncio.create_task(self._warm(server)),
        ]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        for task in (*beside, stopping):
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await serving

    async def _warm(self, server: Server) -> None:
        """Start the sandbox of images once all else is ready, so that the first one finds it warm.

        It costs those who never ask for images one idle process of 31 MB.
        """
        derive = self._services.derive
        if derive is None or self._door is not None:
            return
        while not server.started or any((await self._services.ready()).values()):  # noqa: ASYNC110 - neither tells anybody
            await asyncio.sleep(WARM_EVERY_S)
        try:
            await derive.start()
        except MediakilnError as error:
            log.warning(
                "the sandbox of images did not start, the first image tries again: %s", error
            )

    async def _measure_backlog(self) -> None:
        while True:
            for topic, groups in self._engines.topology.items():
                for group in groups:
                    await self._measure(topic, group)
            await asyncio.sleep(BACKLOG_EVERY_S)

    async def _measure(self, topic: str, group: str) -> None:
        try:
            backlog = await self._engines.broker.backlog(topic, group)
        except MediakilnError:
            return
        for state in ("ready", "leased", "delayed"):
            metrics.BACKLOG.labels(topic, group, state).set(getattr(backlog, state))
        metrics.BACKLOG_AGE_SECONDS.labels(topic, group).set(backlog.oldest_age_s or 0.0)


def build(settings: Settings, engines: Engines, *, door: str | None = None) -> Service:
    """The HTTP server with everything behind it, or with one way in alone."""
    settings.check()
    check_presets(settings)
    return WebServer(settings, engines, services_of(settings, engines), door=door)


def services_of(settings: Settings, engines: Engines) -> Services:
    """The stages behind the HTTP interface."""
    ledger = parts.ledger(settings, engines)
    receive = parts.receive(settings, engines)
    owner_key = settings.owner_key() if settings.auth else None
    return Services(
        receive=receive,
        imports=imports.desk(settings, engines),
        deliver=Deliver(engines.catalog, engines.store),
        manage=Manage(ledger, engines.store, grace=timedelta(seconds=settings.deletion_grace_s)),
        erasures=Erasures(ledger, engines.store),
        dead=DeadLetters(engines.catalog, engines.broker),
        recipes=parts.recipe_book(settings),
        access=_access(settings, engines, owner_key),
        rates=Rates(settings.rate_limit, storage=settings.rate_storage),
        search=Search(engines.catalog),
        store=engines.store,
        catalog=engines.catalog,
        broker=engines.broker,
        ready=readiness(engines, receive),
        max_upload_bytes=settings.max_upload_bytes,
        max_form_files=settings.max_form_files,
        multipart=parts.multipart(settings, engines),
        tus=parts.tus(settings, engines),
        s3=parts.s3(settings, engines),
        deliveries=parts.deliveries(settings, engines),
        direct=parts.direct(settings, engines),
        news=object_news(settings, engines),
        public_url=settings.public_url,
        trust_proxy=settings.trust_proxy,
        cors_origins=settings.cors_origins,
        owner_key=owner_key,
        delivery_public=settings.delivery == "public",
        derive=derive.derive(settings, engines),
        image_rules=replace(derive.rules(settings), imgproxy=imgproxy.rules(settings, engines)),
        metrics=shared_registry(settings.metrics_dir) if settings.metrics_dir else REGISTRY,
    )


def _access(settings: Settings, engines: Engines, owner_key: str | None) -> Access:
    return Access(
        engines.catalog,
        owner_key=owner_key,
        audit_days=settings.audit_days,
        quota=parts.quota(settings),
    )


def readiness(
    engines: Engines, receive: Receive
) -> Callable[[], Awaitable[Mapping[str, str | None]]]:
    """Checks that say why uploads would be refused, if they would."""

    async def check() -> Mapping[str, str | None]:
        found: dict[str, str | None] = {"catalog": None, "broker": None, "store": None}
        try:
            await engines.catalog.get_many([])
        except MediakilnError as error:
            found["catalog"] = str(error)
        try:
            await engines.broker.backlog("received", "classify")
        except MediakilnError as error:
            found["broker"] = str(error)
        try:
            await receive.check_room(0)
        except StorageFull as error:
            found["store"] = str(error)
        return found

    return check
