"""Manifest stores read and written by c2pa-python, which never reaches for the network here."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.model.errors import BadMedia, ModelUnavailable, OperationFailed
from mediakiln.operations.image.pixels.formats import Format

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "heic": "image/heic",
    "svg": "image/svg+xml",
    "jxl": "image/jxl",
}
"""Formats that can carry a store."""
PARENT: Final = "parent"
"""What the opened image is called inside the claim while it is built."""

_PLACES: Final = frozenset(
    {
        "city",
        "state",
        "country",
        "countrycode",
        "countryname",
        "location",
        "locationcreated",
        "locationshown",
        "latitude",
        "longitude",
        "provincestate",
        "sublocation",
        "worldregion",
    }
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The image that was opened before anything was done to it."""

    path: Path
    media_type: str
    name: str


def library() -> Any:
    """The module c2pa.

    Raises:
        ModelUnavailable: it is not installed.
    """
    try:
        import c2pa
    except ImportError as error:
        raise ModelUnavailable(
            "content credentials need c2pa-python, which is not installed",
            hint="pip install 'mediakiln[credentials]'",
        ) from error
    return c2pa


def read(path: Path, media_type: str, anchors: str | None) -> dict[str, Any] | None:
    """A file's manifest store as the library tells it; None where the file has none.

    Raises:
        BadMedia: it has one that cannot be read.
        ModelUnavailable: the library is not installed.
    """
    c2pa = library()
    try:
        with (
            _context(anchors) as context,
            path.open("rb") as file,
            c2pa.Reader(media_type, file, context=context) as reader,
        ):
            store: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise BadMedia(f"its content credentials cannot be read: {_said(error)}") from error
    return store


def sign(
    source: Path,
    media_type: str,
    target: Path,
    manifest: Mapping[str, Any],
    opened: Opened | None,
    signer: Mapping[str, Any],
) -> None:
    """Write `source` with one more manifest to `target`.

    `opened` becomes the parent ingredient with the credentials that it carries; without it the
    manifest must name its own. No time-stamping authority is asked.

    Raises:
        BadMedia: the image cannot take it.
        OperationFailed: the library refused the manifest or the certificate.
        ModelUnavailable: the library is not installed.
    """
    c2pa = library()
    info = c2pa.C2paSignerInfo(
        alg=signer["algorithm"].encode(),
        sign_cert=Path(signer["certificate"]).read_bytes(),
        private_key=Path(signer["key"]).read_bytes(),
        ta_url=None,
    )
    try:
        with (
            _context(signer.get("anchors")) as context,
            c2pa.Builder(json.dumps(manifest), context) as builder,
            c2pa.Signer.from_info(info) as key,
        ):
            if opened is not None:
                with opened.path.open("rb") as file:
                    told = json.dumps(parent(opened))
                    builder.add_ingredient(told, opened.media_type, file)
            with source.open("rb") as file, target.open("w+b") as written:
                builder.sign(key, media_type, file, written)
    except c2pa.C2paError as error:
        target.unlink(missing_ok=True)
        damaged = isinstance(error, c2pa.C2paError.Other | c2pa.C2paError.Io)
        kind = BadMedia if damaged else OperationFailed
        raise kind(f"the image cannot be signed: {_said(error)}") from error


def parent(opened: Opened) -> dict[str, Any]:
    """The ingredient that an image was made of."""
    return {
        "title": opened.name or "source",
        "format": opened.media_type,
        "relationship": "parentOf",
        "instance_id": PARENT,
        "label": PARENT,
    }


def has_thumbnails(store: Any) -> bool:
    """Whether a store shows its image, or one that it was made of."""
    if isinstance(store, dict):
        return "thumbnail" in store or any(has_thumbnails(each) for each in store.values())
    return isinstance(store, list) and any(has_thumbnails(each) for each in store)


def without_places(value: Any) -> Any:
    """The same JSON without what tells where an image was taken."""
    if isinstance(value, dict):
        return {key: without_places(each) for key, each in value.items() if not _tells_place(key)}
    if isinstance(value, list):
        return [without_places(each) for each in value]
    return value


def _tells_place(key: str) -> bool:
    local = key.rpartition(":")[2].lower()
    return local.startswith("gps") or local in _PLACES


@contextmanager
def _context(anchors: str | None) -> Iterator[Any]:
    c2pa = library()
    told: dict[str, Any] = {
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": bool(anchors),
        },
        "core": {"allowed_network_hosts": []},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if anchors:
        told["trust"] = {"trust_anchors": Path(anchors).read_text()}
    with c2pa.Settings.from_dict(told) as settings, c2pa.Context(settings) as context:
        yield context


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
