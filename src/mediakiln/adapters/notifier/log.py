"""The notifier that only logs: news become lines of the `mediakiln.notify` logger."""

import json
import logging
import time

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.ports.notifier import Notification, NotifierCapabilities, Receipt
from mediakiln.telemetry.log import FIELDS

_LOGGER = logging.getLogger("mediakiln.notify")


class LogNotifier:
    """Writes each notification as one structured line at level INFO; it cannot fail."""

    capabilities = NotifierCapabilities(signed=False, answers=False)
    target = "log://"

    @classmethod
    def from_url(cls, url: str) -> "LogNotifier":
        """The notifier for `log://`.

        Raises:
            EngineMisconfigured: the URL is another one.
        """
        if url != cls.target:
            raise EngineMisconfigured("The log's address is log://, with nothing behind it.")
        return cls()

    async def send(self, notification: Notification) -> Receipt:
        """Log the notification; the fields that log lines know go in by name."""
        started = time.perf_counter()
        known = {name: notification.data[name] for name in FIELDS if name in notification.data}
        data = json.dumps(dict(notification.data), default=str, separators=(",", ":"))
        extra = known | {"message_id": notification.id, "target": self.target}
        _LOGGER.info("%s %s", notification.type, data, extra=extra)
        return Receipt(status=None, answer="", seconds=time.perf_counter() - started)

    async def close(self) -> None:
        """Nothing is held."""
