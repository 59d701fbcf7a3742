"""The role that takes in files from elsewhere, and what the desk of imports is made of."""

from datetime import timedelta

from mediakiln.adapters.fetcher.http import HttpFetcher, Pace
from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines, open_places
from mediakiln.roles.service import Service, Sweeper, Together
from mediakiln.roles.settings import Settings
from mediakiln.stages.access.usage import Usage
from mediakiln.stages.importing import ImportDesk, Importing, Intake
from mediakiln.stages.importing.book import ImportBook
from mediakiln.stages.importing.worker import PageWorker

PAGES_AT_ONCE = 4
"""Small, since `import_parallel` bounds the work; more pages only even it out among imports."""
_SWEEP_S = 30.0
_FULL = 1_000_000


def fetcher(settings: Settings, engines: Engines) -> HttpFetcher:
    """Who fetches from URLs."""
    made = HttpFetcher(
        ports=settings.import_ports,
        allow_private=settings.import_private,
        pace=Pace(total_s=settings.import_timeout_s, min_rate=settings.import_min_rate),
    )
    engines.before_close.append(made.close)
    return made


def intake(settings: Settings, engines: Engines) -> Intake:
    """Who takes in files under ids that are known beforehand."""
    return Intake(
        engines.store,
        engines.catalog,
        parts.receive(settings, engines),
        max_bytes=settings.import_max_file_bytes,
    )


def desk(settings: Settings, engines: Engines) -> ImportDesk:
    """Where imports are begun and looked at."""
    return ImportDesk(
        ImportBook(engines.catalog),
        engines.broker,
        fetcher(settings, engines),
        parts.recipe_book(settings),
        places=settings.import_sources,
    )


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `imports`, and what sets standing imports going."""
    book = ImportBook(engines.catalog)
    places = open_places(settings)
    for place in places.values():
        engines.before_close.append(place.close)
    worker = PageWorker(
        book,
        intake(settings, engines),
        fetcher(settings, engines),
        places,
        parts.recipe_book(settings),
        hold=Usage(engines.catalog).hold,
        parallel=settings.import_parallel,
        lease=timedelta(seconds=settings.lease_s),
        pause_s=settings.retry_base_s,
    )
    stage = Importing(
        book,
        engines.broker,
        worker,
        places,
        stall_after=timedelta(seconds=settings.stall_s),
    )
    policy = parts.policy(settings, concurrency=PAGES_AT_ONCE, max_attempts=20)
    return Together(
        [
            Consumer(engines.broker, "import", {"imports": stage}, policy),
            Sweeper("import", stage.sweep, interval=_SWEEP_S, full=_FULL),
        ]
    )
