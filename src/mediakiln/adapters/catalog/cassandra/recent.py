"""What this process knows of records, to spare the read before a write."""

from collections import OrderedDict

from mediakiln.adapters.catalog.cassandra.partition import Facts

_KEPT = 8192


class Recent:
    """The newest version seen of each record, the least recently used forgotten first.

    A version never changes once written, so what is known of one stays true.
    """

    def __init__(self) -> None:
        self._facts: OrderedDict[str, Facts] = OrderedDict()

    def learn(self, id: str, facts: Facts) -> None:
        """Keep what was read or written, unless a later version is known."""
        known = self._facts.pop(id, None)
        self._facts[id] = facts if known is None or known.version < facts.version else known
        if len(self._facts) > _KEPT:
            self._facts.popitem(last=False)

    def version(self, id: str, version: int) -> Facts | None:
        """What is known of this version."""
        known = self._facts.get(id)
        return known if known is not None and known.version == version else None
