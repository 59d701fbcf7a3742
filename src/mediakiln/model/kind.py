"""The five kinds of media, and the states that assets and steps pass through."""

from enum import StrEnum


class Kind(StrEnum):
    """What sort of media a file is; one job queue and one worker pool each."""

    IMAGE = "image"
    DOCUMENT = "document"
    MODEL3D = "model3d"
    VIDEO = "video"
    AUDIO = "audio"


class AssetState(StrEnum):
    """Where an asset stands in its current run."""

    RECEIVED = "received"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    REJECTED = "rejected"
    DELETING = "deleting"

    @property
    def terminal(self) -> bool:
        """Whether the run has ended: exactly one of these is reached per run."""
        return self in {AssetState.READY, AssetState.FAILED, AssetState.REJECTED}


class StepState(StrEnum):
    """Where one step of the current run stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to the step in this run."""
        return self in {StepState.DONE, StepState.SKIPPED, StepState.FAILED}
