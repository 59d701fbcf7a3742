"""The door of imgproxy's addresses."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from mediakiln.model.errors import (
    BadMedia,
    EmptyFile,
    SignatureInvalid,
    UnsupportedMedia,
)
from mediakiln.model.ids import is_id
from mediakiln.model.signature import encoded
from mediakiln.model.transform import Transform, Wanted
from mediakiln.stages.derive import Source
from mediakiln.web.derive.call import Call
from mediakiln.web.derive.gate import SIGNED, Gate, Permit
from mediakiln.web.derive.images import Images
from mediakiln.web.derive.imgproxy import plan
from mediakiln.web.derive.imgproxy.address import PREFIX, UNSIGNED, Address, split
from mediakiln.web.derive.imgproxy.fitting import Shape, matters
from mediakiln.web.derive.imgproxy.options import Options
from mediakiln.web.derive.imgproxy.origins import Origins
from mediakiln.web.derive.imgproxy.parsing import understood

ASSET: Final = "asset://"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImgproxyRules:
    """What the operator decides about imgproxy's addresses."""

    keys: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    """Pairs of key and salt: any of them may have signed."""
    signature_bytes: int = 32
    presets: Mapping[str, str] = field(default_factory=dict)
    watermark: str | None = None
    """The asset that is laid over an image by `wm`."""
    origins: Origins
    """Where sources come from that are no assets."""
    base_url: str = ""
    """Put in front of sources that are neither a whole address nor an asset's id."""
    auto_format: bool = False
    """Whether the Accept header chooses the format that an address does not name."""


class ImgproxyDoor:
    """`/imgproxy/{signature}/{options}/{source}`."""

    prefix = PREFIX
    methods = frozenset({"GET", "HEAD"})
    refusal_headers: Mapping[str, str] = {}

    def __init__(self, images: Images, gate: Gate, rules: ImgproxyRules) -> None:
        self._images = images
        self._gate = gate
        self._rules = rules

    async def __call__(self, call: Call) -> None:
        """Answer with the image.

        Raises:
            SignatureMissing, SignatureInvalid: the address must be signed, or is, but not rightly.
            InvalidRequest: an option or the source is not right; names it.
            FetchRefused, FetchFailed: the source lies elsewhere, where it cannot be had.
            NotFound, Gone, AddressExpired, Overloaded, …: as `Images.answer`.
        """
        address = split(call.path)
        permit = await self._permit(call, address)
        options = understood(address, self._rules.presets)
        source = await self._source(address.source, permit)
        if options.raw or options.skipped:
            source = await self._named(source)
        if self._skipped(options, source):
            options.raw = True
        wanted = Wanted(
            source=source.id,
            transform=await self._transform(options, source),
            expires=options.expires or None,
            filename=options.filename,
            attachment=options.attachment,
            version=options.version,
        )
        await self._images.answer(call, wanted, permit, source=source)

    async def _transform(self, options: Options, source: Source) -> Transform:
        shape = await self._shape(options, source)
        made = plan.transform(options, shape=shape, mark=self._rules.watermark)
        chosen = self._rules.auto_format and options.format is None and not made.raw
        return replace(made, negotiated=chosen)

    async def _permit(self, call: Call, address: Address) -> Permit:
        if not address.signature or address.signature in UNSIGNED:
            return await self._gate.unsigned(call)
        if verifies(address.signature, address.signed, self._rules):
            return SIGNED
        raise SignatureInvalid(
            "the signature is not that of this address",
            hint="it is over the salt and the path after it, as imgproxy's own is; "
            "`mediakiln url explain` says why it fails",
        )

    async def _source(self, text: str, permit: Permit) -> Source:
        id = text.removeprefix(ASSET)
        if is_id(id):
            return await self._images.source(id, permit)
        whole = text if "://" in text else self._rules.base_url + text
        return self._rules.origins.source(whole, project=permit.project)

    async def _named(self, source: Source) -> Source:
        """The source with its media type, which nobody knows yet of one that lies elsewhere.

        Drawings stay without one: a browser would run what is in them.
        """
        if source.media_type:
            return source
        with suppress(UnsupportedMedia, BadMedia, EmptyFile):
            original = await self._images.original(source)
            if not original.vector:
                return replace(source, media_type=f"image/{original.format}")
        return source

    @staticmethod
    def _skipped(options: Options, source: Source) -> bool:
        """Whether the source is of a format that is to stay as it is."""
        format = source.media_type.removeprefix("image/")
        return format in options.skipped and options.format in {None, format}

    async def _shape(self, options: Options, source: Source) -> Shape | None:
        """The source's size, for those options alone whose result depends on it."""
        if options.raw or not (matters(options) or options.resizing == "auto"):
            return None
        original = await self._images.original(source, upright=options.auto_rotate)
        return Shape(original.width, original.height, vector=original.vector)


def verifies(signature: str, path: str, rules: ImgproxyRules) -> bool:
    """Whether one of the keys signed a path: base64url of HMAC-SHA256 over salt and path, cut."""
    right = False
    for key, salt in rules.keys:
        digest = hmac.new(key, salt + path.encode("latin-1"), hashlib.sha256).digest()
        made = encoded(digest[: rules.signature_bytes])
        right |= hmac.compare_digest(made.encode(), signature.rstrip("=").encode())
    return right
