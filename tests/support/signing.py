"""A store that signs requests for clients, with nobody behind them."""

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.ports.direct import SignedForm, SignedPut


class SigningStore(MemoryObjectStore):
    """A memory store whose addresses lead nowhere."""

    max_put_bytes = 5 << 30

    async def sign_put(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedPut:
        url = f"https://store.example/{bucket}/{key}?size={size}&for={expires_s:g}"
        return SignedPut(url, {"Content-Type": media_type})

    async def sign_form(
        self, bucket: Bucket, key: str, *, size: int, media_type: str, expires_s: float
    ) -> SignedForm:
        fields = {"key": key, "size": str(size), "type": media_type, "for": f"{expires_s:g}"}
        return SignedForm(f"https://store.example/{bucket}", fields)
