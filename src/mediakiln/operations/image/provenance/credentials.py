"""`image.credentials`: read an image's content credentials, or give it some."""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from mediakiln.model.errors import (
    EmptyFile,
    ModelUnavailable,
    OperationFailed,
    UnsupportedMedia,
)
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import HEAD_BYTES, Format, sniff
from mediakiln.operations.image.provenance import actions, manifests, told
from mediakiln.operations.image.provenance.manifests import MEDIA_TYPES, Opened
from mediakiln.operations.image.provenance.signer import SETTINGS
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

SIGNED: Final[tuple[Format, ...]] = ("jpeg", "png", "webp", "avif", "gif", "tiff")
"""Formats that are signed."""
_EXTENSIONS: Final[Mapping[str, str]] = {"jpeg": "jpg", "tiff": "tif"}


class Action(Params):
    """Something that was done to the image."""

    action: actions.Name = Field(description="Its name in C2PA.")
    description: str | None = Field(
        default=None, max_length=500, description="What was done, for people."
    )


class CredentialsParams(Params):
    """Whether credentials are read or written, and what they say."""

    mode: Literal["read", "sign"] = Field(
        default="read", description="Tell the credentials that the image has, or sign it."
    )
    location: bool = Field(
        default=False,
        description="Tell, or hand on from the upload's credentials, where an image was taken.",
    )
    actions: tuple[Action, ...] = Field(
        default=(),
        max_length=32,
        description="With sign: what else was done, after the recipe's steps, which are listed by "
        "themselves.",
    )
    title: str | None = Field(
        default=None, min_length=1, max_length=200, description="With sign: the image's title."
    )

    @model_validator(mode="after")
    def _only_for_signing(self) -> Self:
        if self.mode == "read" and (self.actions or self.title):
            raise ValueError("actions and title are for mode sign")
        return self


@operation(
    "image.credentials",
    Kind.IMAGE,
    accepts=tuple(MEDIA_TYPES.values()),
    produces=["application/json", *(MEDIA_TYPES[name] for name in SIGNED)],
    capabilities=OperationCapabilities(wall_s=60.0, credentials=True, tools=("c2pa-python",)),
    version=3,
)
def credentials(
    source: Path, params: CredentialsParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Read an image's content credentials (C2PA), or sign it and say what was done to it.

    Reading yields `credentials.json`: `found`; `state` (trusted, valid or invalid), `problems`,
    `signed_by`, `signed_at`, `generator`, `actions`, `ingredients`, and the whole `store`.
    Signing yields `image.{ext}`, the same image with a manifest that lists the recipe's steps.

    Raises:
        ModelUnavailable: the library is not installed, or nobody set a certificate and key.
        UnsupportedMedia: the format carries no credentials.
        EmptyFile, BadMedia: the image or its credentials cannot be read.
        OperationFailed: the certificate cannot be used for this.
    """
    name = _format(source)
    if params.mode == "read":
        yield _read(source, name, params, out, context)
    else:
        yield _signed(source, name, params, out, context)


def _format(source: Path) -> Format:
    with source.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyFile
    name = sniff(head)
    if name is None or name not in MEDIA_TYPES:
        raise UnsupportedMedia(
            "a file of this format carries no credentials", allowed=list(MEDIA_TYPES.values())
        )
    return name


def _read(
    source: Path, name: Format, params: CredentialsParams, out: Path, context: Context
) -> Product:
    store = manifests.read(source, MEDIA_TYPES[name], context.credentials.get("anchors"))
    found = told.told(store, location=params.location)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (out / "credentials.json").write_text(text, encoding="utf-8")
    return Product(
        file="credentials.json", media_type="application/json", metadata=told.summary(found)
    )


def _signed(
    source: Path, name: Format, params: CredentialsParams, out: Path, context: Context
) -> Product:
    known = context.credentials
    manifests.library()
    if "key" not in known:
        raise ModelUnavailable(
            "nothing can be signed: no certificate and key are set up", hint=f"set {SETTINGS}"
        )
    if name not in SIGNED:
        raise UnsupportedMedia(
            f"{MEDIA_TYPES[name]} is not signed", allowed=[MEDIA_TYPES[each] for each in SIGNED]
        )
    opened = _opened(source, name, known, context)
    whole = _whole(opened, known, params)
    manifest = _manifest(name, params, known, opened, whole=whole)
    file = f"image.{_EXTENSIONS.get(name, name)}"
    target, media_type = out / file, MEDIA_TYPES[name]
    manifests.sign(source, media_type, target, manifest, opened if whole else None, known)
    found = told.told(manifests.read(target, media_type, known.get("anchors")), location=False)
    if not found["found"] or found["state"] == "invalid":
        target.unlink()
        raise OperationFailed(
            f"what was signed is not valid: {', '.join(found.get('problems', []))}"
        )
    return Product(
        file=file,
        media_type=media_type,
        metadata=told.summary(found) | {"parent": "whole" if whole else "named"},
    )


def _opened(source: Path, name: Format, known: Mapping[str, Any], context: Context) -> Opened:
    """The upload, or the source where nothing was done before."""
    original = known.get("original")
    if original is None:
        return Opened(source, MEDIA_TYPES[name], _text(context.name))
    return Opened(Path(original["path"]), original["media_type"], _text(original["name"]))


def _text(name: str) -> str:
    """A file's name as text: it may hold bytes that are none."""
    return name.encode("utf-8", "replace").decode()


def _whole(opened: Opened, known: Mapping[str, Any], params: CredentialsParams) -> bool:
    """Whether the parent's own credentials go along.

    Not where they would tell a place, or show in a thumbnail what steps have cut off or covered.
    """
    if opened.media_type not in MEDIA_TYPES.values():
        return False
    store = manifests.read(opened.path, opened.media_type, known.get("anchors"))
    if actions.may_hide(known.get("steps", ())) and manifests.has_thumbnails(store):
        return False
    return params.location or store == manifests.without_places(store)


def _manifest(
    name: Format,
    params: CredentialsParams,
    known: Mapping[str, Any],
    opened: Opened,
    *,
    whole: bool,
) -> dict[str, Any]:
    agent = {"name": "mediakiln", "version": version("mediakiln")}
    done = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [manifests.PARENT]}},
        *actions.of(known.get("steps", ())),
    ]
    more = [each.model_dump(exclude_none=True) for each in params.actions]
    if opened.media_type != MEDIA_TYPES[name] and all(
        each["action"] != "c2pa.converted" for each in (*done, *more)
    ):
        done.append({"action": "c2pa.converted"})
    done += more
    made: dict[str, Any] = {
        "claim_generator_info": [agent],
        "title": params.title or opened.name or "image",
        "format": MEDIA_TYPES[name],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [each | {"softwareAgent": agent} for each in done]},
            }
        ],
    }
    return made if whole else made | {"ingredients": [manifests.parent(opened)]}
