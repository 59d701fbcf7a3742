"""The one static table of topics and the groups that read them.

A group gets every message of its topic published after it was made, shared among its members.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mediakiln.model.kind import Kind
from mediakiln.model.messages import jobs_topic

DEAD = "dead"
CHANGES = "changes"
DOCTOR = "doctor"
"""For trying out whether messages come through: nobody else sends or reads here."""

_JOBS = {jobs_topic(kind, heavy=heavy): ("process",) for kind in Kind for heavy in (False, True)}

TOPOLOGY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "objects": ("receive",),
        "imports": ("import",),
        "received": ("classify",),
        **_JOBS,
        "stored": ("join",),
        "finished": ("join",),
        "completed": ("notify",),
        CHANGES: (),
        DEAD: ("dead",),
        DOCTOR: (DOCTOR,),
    }
)


def topology(changes: Sequence[str] = ()) -> Mapping[str, tuple[str, ...]]:
    """The table, with the groups that read the stream of changes in this deployment."""
    return MappingProxyType({**TOPOLOGY, CHANGES: tuple(changes)})
