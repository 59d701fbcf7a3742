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
        self, *, limit: int = 100, cursor: str | None = None, project: str | None = None
    ) -> tuple[Sequence[DeadLetter], str | None]:
        """Dead letters, of a project or all, oldest first, and the next page's cursor.

        A page may hold fewer than `limit`, the others being of other projects.
        """
        records, following = await self._records.list(limit=limit, cursor=cursor)
        letters = [DeadLetter.model_validate(record.value) for record in records]
        return [each for each in letters if project in {None, each.project}], following

    async def get(self, id: str, *, project: str | None = None) -> DeadLetter:
        """One dead letter, of a project or any.

        Raises:
            NotFound: there is none of that id.
        """
        record = await self._records.get(id)
        letter = None if record is None else DeadLetter.model_validate(record.value)
        if letter is None or project not in {None, letter.project}:
            raise NotFound(f"there is no dead letter {id[:64]!r}")
        return letter

    async def replay(self, id: str, *, project: str | None = None) -> DeadLetter:
        """Send the message to its one group again, then drop the letter.

        Raises:
            NotFound: there is none of that id.
        """
        letter = await self.get(id, project=project)
        await self._broker.publish(letter.topic, [letter.message()], group=letter.group)
        await self._records.delete(id)
        return letter

    async def drop(self, id: str, *, project: str | None = None) -> DeadLetter:
        """Forget the message for good.

        Raises:
            NotFound: there is none of that id.
        """
        letter = await self.get(id, project=project)
        await self._records.delete(id)
        return letter
