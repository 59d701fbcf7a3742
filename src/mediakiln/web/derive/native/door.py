"""The door of native addresses."""

from collections.abc import Mapping, Sequence

from mediakiln.model.errors import SignatureInvalid
from mediakiln.model.signature import NATIVE, split_native, verified_by
from mediakiln.web.derive.call import Call
from mediakiln.web.derive.gate import SIGNED, Gate, Permit
from mediakiln.web.derive.images import Images
from mediakiln.web.derive.native.grammar import Grammar
from mediakiln.web.derive.native.hints import ASKED, DPR, WIDTH
from mediakiln.web.derive.rules import ImageRules


class NativeDoor:
    """`/i/…`."""

    prefix = NATIVE
    methods = frozenset({"GET", "HEAD"})
    refusal_headers: Mapping[str, str] = {}

    def __init__(self, images: Images, gate: Gate, rules: ImageRules) -> None:
        self._images = images
        self._gate = gate
        self._rules = rules
        self._grammar = Grammar(rules)

    async def __call__(self, call: Call) -> None:
        """Answer with the image.

        Raises:
            SignatureMissing, SignatureInvalid: the address must be signed, or is, but not rightly.
            InvalidRequest: an option is not right; names it.
            NotFound, Gone, AddressExpired, Overloaded, …: as `Images.answer`.
        """
        bare, signature = split_native(call.path)
        permit = await self._permit(call, bare, signature)
        wanted = self._grammar.parse(bare, call.headers)
        headers: Sequence[tuple[str, str]] = ()
        if {*WIDTH, *DPR} & {*wanted.hints}:
            headers = (("Accept-CH", ASKED),)
        await self._images.answer(call, wanted, permit, headers=headers)

    async def _permit(self, call: Call, bare: str, signature: str | None) -> Permit:
        if signature is None:
            return await self._gate.unsigned(call)
        rules = self._rules
        made_by = verified_by(signature, bare.encode(), rules.keys, size=rules.signature_bytes)
        if made_by is None:
            raise SignatureInvalid(
                "the signature is not that of this address",
                hint="`mediakiln url explain` says why",
            )
        return SIGNED
