"""Resumable uploads by the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload).

The record of an upload holds its offset and its lock, so that any replica goes on with any
upload. The offset moves only over bytes that are durable.
"""

from mediakiln.stages.uploads.tus.checks import Patch
from mediakiln.stages.uploads.tus.checksum import ALGORITHMS, Checksum
from mediakiln.stages.uploads.tus.state import PROTOCOL, TusLimits, TusState, is_whole
from mediakiln.stages.uploads.tus.uploads import Body, TusUploads

__all__ = [
    "ALGORITHMS",
    "PROTOCOL",
    "Body",
    "Checksum",
    "Patch",
    "TusLimits",
    "TusState",
    "TusUploads",
    "is_whole",
]
