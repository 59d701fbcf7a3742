"""Addresses of images that are made on request."""

import time

from mediakiln.model.signature import NATIVE, WHOLE_BYTES, sign_native


def image_address(
    base: str,
    id: str,
    options: str = "",
    *,
    key: str | None = None,
    seconds: float | None = None,
    signature_bytes: int = WHOLE_BYTES,
) -> str:
    """The address of an asset's image; nothing is asked of the server.

    Args:
        base: the server's address, or that of the CDN in front of it.
        id: the asset's id; with an extension, that is the format.
        options: as native addresses write them: `w_400,h_300,fit_cover,f_auto`.
        key: what to sign with: the first of the server's MEDIAKILN_IMAGES_KEYS.
        seconds: how long it is good for; None: for ever.
        signature_bytes: the server's MEDIAKILN_IMAGES_SIGNATURE_BYTES.
    """
    expiry = "" if seconds is None else f"exp_{int(time.time() + seconds)}"
    parts = [part for part in (expiry, options.strip("/"), id) if part]
    path = NATIVE + "/".join(parts)
    if key is not None:
        path = sign_native(path, key.encode(), size=signature_bytes)
    return base.rstrip("/") + path
