"""Notify: tell every target that a run ended, once each."""

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError
from mediakiln.model.messages import Completed, Message
from mediakiln.ports.notifier import Notification
from mediakiln.stages.notify.deliveries import Deliveries
from mediakiln.telemetry import metrics


class Notify:
    """Handles `completed`."""

    def __init__(self, deliveries: Deliveries, *, clock: Clock = utc_now) -> None:
        self._deliveries = deliveries
        self._clock = clock

    async def __call__(self, message: Message) -> None:
        """Send to every target that has not had it yet.

        Raises:
            MediakilnError: some target may take it later; those that took it are not asked again.
        """
        event = Completed.of(message)
        _count(event)
        news = Notification(
            id=message.id,
            type=f"asset.{event.state}",
            at=self._clock(),
            data=event.model_dump(mode="json", exclude_none=True),
        )
        failures: list[MediakilnError] = []
        for target in await self._deliveries.targets(event.project, news.type):
            try:
                await self._deliveries.deliver(target, event.asset, news)
            except MediakilnError as error:
                failures.append(error)
        if failures:
            raise failures[0]


def _count(event: Completed) -> None:
    kind = str(event.kind or "unknown")
    metrics.COMPLETED.labels(kind, event.state.value).inc()
    if event.turnaround_s is not None:
        metrics.TURNAROUND_SECONDS.labels(kind).observe(event.turnaround_s)
