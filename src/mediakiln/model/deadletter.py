"""A message nobody could handle, kept with its bytes until somebody decides."""

import base64
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from mediakiln.model.messages import Message


class DeadLetter(BaseModel):
    """The buried message, where it was, and why it was given up."""

    model_config = ConfigDict(frozen=True)

    id: str
    topic: str
    group: str
    reason: str
    attempts: int
    project: str
    key: str
    message_id: str
    body_b64: str
    buried_at: datetime

    @classmethod
    def of(
        cls,
        message: Message,
        *,
        id: str,
        topic: str,
        group: str,
        reason: str,
        attempts: int,
        at: datetime,
    ) -> "DeadLetter":
        """Wrap a message with what is known of its failure."""
        return cls(
            id=id,
            topic=topic,
            group=group,
            reason=reason[:2000],
            attempts=attempts,
            project=message.project,
            key=message.key,
            message_id=message.id,
            body_b64=base64.b64encode(message.body).decode(),
            buried_at=at,
        )

    def message(self) -> Message:
        """The message as it was, under its old id."""
        return Message(
            id=self.message_id,
            key=self.key,
            project=self.project,
            body=base64.b64decode(self.body_b64),
        )

    def to_message(self) -> Message:
        """Itself as a message of the `dead` topic."""
        return Message(
            id=self.id, key=self.key, project=self.project, body=self.model_dump_json().encode()
        )

    @classmethod
    def read(cls, message: Message) -> "DeadLetter":
        """The inverse of `to_message`."""
        return cls.model_validate_json(message.body)

    def to_json(self) -> dict[str, Any]:
        """Its public form."""
        return self.model_dump(mode="json")
