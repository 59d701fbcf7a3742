"""The Kafka topics behind one topic of the platform.

{prefix}{topic}                  what every group gets
{prefix}{topic}.{group}.again    what only this group gets, now
{prefix}{topic}.{group}.later    what only this group gets, when it is due; a partition per tier
{prefix}groups                   the register of groups
"""

from dataclasses import dataclass
from enum import StrEnum

TIERS_S = (10.0, 60.0, 300.0, 900.0)
"""Upper bounds of the tiers: a delay waits in the partition of the first that is not shorter."""


class Road(StrEnum):
    """The three ways by which a message reaches a group."""

    MAIN = "main"
    AGAIN = "again"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Names:
    """Names under one prefix, so that several installations can share a cluster."""

    prefix: str

    @property
    def register(self) -> str:
        """The topic that says which groups there are."""
        return f"{self.prefix}groups"

    def main(self, topic: str) -> str:
        """What every group of the topic gets."""
        return f"{self.prefix}{topic}"

    def again(self, topic: str, group: str) -> str:
        """What only this group gets."""
        return f"{self.prefix}{topic}.{group}.again"

    def later(self, topic: str, group: str) -> str:
        """What only this group gets, when it is due."""
        return f"{self.prefix}{topic}.{group}.later"

    def group(self, group: str) -> str:
        """The consumer group."""
        return f"{self.prefix}{group}"

    def roads(self, topic: str, group: str) -> dict[str, Road]:
        """The topics a member of the group reads, and what each is."""
        return {
            self.main(topic): Road.MAIN,
            self.again(topic, group): Road.AGAIN,
            self.later(topic, group): Road.LATER,
        }


def tier(delay: float) -> int:
    """The partition of `later` in which a delay of that many seconds waits."""
    return next(number for number, most in enumerate(TIERS_S) if delay <= most)
