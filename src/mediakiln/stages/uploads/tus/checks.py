"""What of a request on a tus upload is refused, before and while its bytes come."""

from dataclasses import dataclass

from mediakiln.model.errors import (
    EmptyFile,
    Forbidden,
    InvalidRequest,
    OffsetMismatch,
    TooLarge,
)
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.multipart import PartRules
from mediakiln.stages.uploads.tus.checksum import Checksum
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import TusLimits, TusState


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What a request with bytes says of them."""

    offset: int
    announced: int | None = None
    """The body's bytes, if that is known."""
    length: int | None = None
    """All bytes of the upload, where that was deferred."""
    checksum: Checksum | None = None


class Checks:
    """Holds requests to the upload's record and to the limits."""

    def __init__(self, rules: PartRules, limits: TusLimits) -> None:
        self._rules = rules
        self._limits = limits

    def __call__(self, upload: Upload, patch: Patch) -> None:
        """Refuse a request before its body is read.

        Raises:
            Forbidden: the upload is a final one.
            OffsetMismatch: it stands elsewhere.
            InvalidRequest, EmptyFile, TooLarge: the length said is wrong, or the bytes too many.
        """
        if TusState.of(upload).final:
            raise Forbidden("a final upload takes no bytes: it is made of partial ones")
        if patch.offset != upload.offset:
            raise OffsetMismatch(
                f"the upload stands at {upload.offset}, and the request begins at {patch.offset}",
                field="Upload-Offset",
                limit=upload.offset,
                value=patch.offset,
                hint="ask with HEAD where it stands",
            )
        if patch.length is not None:
            self._declared(upload, patch.length)
        size = upload.size if patch.length is None else patch.length
        end = patch.offset + (patch.announced or 0)
        if size is not None and end > size:
            raise too_large(size, end)
        self._max(end, upload.offer)
        if patch.checksum is not None:
            self._one_part(patch.announced)

    def _declared(self, upload: Upload, length: int) -> None:
        if upload.size is not None and upload.size != length:
            raise InvalidRequest(
                "the length of an upload cannot change", field="Upload-Length", limit=upload.size
            )
        if length < upload.offset:
            raise InvalidRequest(
                f"the upload has {upload.offset} bytes already",
                field="Upload-Length",
                limit=upload.offset,
                value=length,
            )
        self.length(length, upload.offer)

    def _one_part(self, announced: int | None) -> None:
        """What is held back until its checksum is right must fit into one part."""
        rules = self._rules
        if rules.open_ended and (announced or 0) > rules.max_bytes:
            raise TooLarge(
                f"a request with a checksum has at most {rules.max_bytes} bytes",
                limit=rules.max_bytes,
                value=announced,
                hint="send smaller requests",
            )

    def length(self, length: int, offer: Offer) -> None:
        """Refuse a file of so many bytes.

        Raises:
            EmptyFile, TooLarge: it has none, or too many.
        """
        if length < 1:
            raise EmptyFile(field="Upload-Length", hint="files of no bytes are not accepted")
        self._max(length, offer)

    def _max(self, size: int, offer: Offer) -> None:
        if size > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes, size)
        if offer.limits is not None:
            offer.limits.check_size(size)

    def most(self, session: Session) -> int:
        """The bytes that an upload can have in all."""
        if session.size is not None:
            return session.size
        limits = session.upload.limits
        own = limits.max_bytes if limits is not None and limits.max_bytes else None
        return min(self._limits.max_bytes, own or self._limits.max_bytes)


def insist_whole(upload: Upload) -> None:
    """Refuse to make a final upload of this one unless it is partial and complete.

    Raises:
        InvalidRequest: it is not.
    """
    if not TusState.of(upload).partial:
        raise InvalidRequest(f"the upload {upload.id} is not a partial one", field="Upload-Concat")
    if upload.state is not UploadState.DONE:
        raise InvalidRequest(
            f"the partial upload {upload.id} is not complete",
            field="Upload-Concat",
            limit=upload.size,
            value=upload.offset,
        )


def too_large(limit: int, value: int) -> TooLarge:
    """The refusal of bytes past a limit."""
    return TooLarge(f"the upload is larger than {limit} bytes", limit=limit, value=value)
