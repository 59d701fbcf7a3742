"""Dead letters: kept as records, so that listing, replaying and dropping are queries."""

from collections.abc import Sequence

from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.errors import NotFound, VersionConflict
from mediakiln.model.messages import Message
from mediakiln.ports.broker import Broker
from mediakiln.ports.catalog import Catalog

SPACE = "dead"


class DeadLetters:
    """Stores what was buried; lists it, sends it again or drops it."""

    def __init__(self, catalog: Catalog, broker: Broker) -> None:
        self._records = catalog.records(SPACE)
        self._broker = broker

    async def store(self, message: Message) -> None:
        """Keep a message of the `dead` topic; the same one again changes nothing."""
        letter = DeadLetter.read(message)
        try:
            await self._records.put(letter.id, letter.to_json())
        except VersionConflict:
            return

    async def list(
        self, *, limit: int = 100, cursor: str | None = None
    ) -> tuple[Sequence[DeadLetter], str | None]:
        """Dead letters, oldest first, and the next page's cursor."""
        records, following = await self._records.list(limit=limit, cursor=cursor)
        return [DeadLetter.model_validate(record.value) for record in records], following

    async def get(self, id: str) -> DeadLetter:
        """One dead letter.

        Raises:
            NotFound: there is none of that id.
        """
        record = await self._records.get(id)
        if record is None:
            raise NotFound(f"there is no dead letter {id[:64]!r}")
        return DeadLetter.model_validate(record.value)

    async def replay(self, id: str) -> DeadLetter:
        """Send the message to its one group again, then drop the letter.

        Raises:
            NotFound: there is none of that id.
        """
        letter = await self.get(id)
        await self._broker.publish(letter.topic, [letter.message()], group=letter.group)
        await self._records.delete(id)
        return letter

    async def drop(self, id: str) -> DeadLetter:
        """Forget the message for good.

        Raises:
            NotFound: there is none of that id.
        """
        letter = await self.get(id)
        await self._records.delete(id)
        return letter
