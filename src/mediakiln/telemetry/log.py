"""Structured log lines: one JSON object each, or words for a terminal."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

FIELDS = (
    "asset",
    "project",
    "run",
    "attempt",
    "step",
    "topic",
    "group",
    "role",
    "code",
    "seconds",
    "operation",
    "request",
    "message_id",
    "target",
    "count",
    "key",
    "pid",
)
"""Every field a log record may carry in `extra`; others are not printed."""

_NOISY = ("httpx2", "httpcore2", "uvicorn.access", "uvicorn.error", "alembic")


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What would begin a line of its own, or speak to the terminal, in words that others chose."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _fields(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Words first, fields after."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items())
        line = f"{record.levelname.lower():7} {record.getMessage()}"
        if fields:
            line += f"  ({fields})"
        line = _CONTROL.sub(_escaped, line)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}


def set_up(*, level: str = "info", as_json: bool = False) -> None:
    """Send every log line to standard error in one format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in (
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "uvicorn.access",
        "uvicorn.error",
        "alembic",
        "watchfiles.main",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
