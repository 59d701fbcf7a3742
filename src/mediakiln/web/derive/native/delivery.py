"""Options that say how an image is handed over, whatever is done to it."""

import math
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from mediakiln.model.errors import InvalidRequest
from mediakiln.web.derive.native.values import Option

DELIVERY: Final = frozenset({"v", "exp", "dl", "raw", "from"})
_MOST_NAME: Final = 200
_YEAR_10000: Final = 253_402_300_800
"""In seconds: a time in milliseconds is later, and would never come."""


@dataclass(slots=True)
class Delivery:
    """What the options said."""

    raw: bool = False
    attachment: bool = False
    filename: str | None = None
    version: str | None = None
    expires: float | None = None
    product: str | None = None
    """Of the asset, in place of its original."""

    def read(self, option: Option) -> None:
        """Mind one option of `DELIVERY`.

        Raises:
            InvalidRequest: its value is not allowed; names it.
        """
        value = None if option.value is None else unquote(option.value)
        if option.name == "raw":
            self.raw = True
        elif option.name == "dl":
            self.attachment, self.filename = True, value
        elif not value:
            raise InvalidRequest(f"{option.name} needs a value", field=option.name)
        elif option.name == "v":
            self.version = value
        elif option.name == "from":
            self.product = value
        else:
            # The earliest counts: who adds one to an address can only shorten its time.
            self.expires = min(_moment(value), self.expires or math.inf)
        if self.filename and len(self.filename) > _MOST_NAME:
            raise InvalidRequest("dl: the name is too long", field="dl", limit=_MOST_NAME)


def _moment(text: str) -> float:
    try:
        moment = float(text)
    except ValueError:
        moment = math.nan
    if not 0 < moment < _YEAR_10000:
        raise InvalidRequest("exp: a time in seconds since 1970 is needed", field="exp")
    return moment
