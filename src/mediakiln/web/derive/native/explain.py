"""What is wrong with an address, and what it means: for people who sign by themselves."""

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from mediakiln.model.errors import MediakilnError
from mediakiln.model.ids import is_id
from mediakiln.model.signature import (
    IIIF,
    LEAST_BYTES,
    NATIVE,
    WHOLE_BYTES,
    is_signature,
    mac,
    sign_iiif,
    sign_native,
    split_iiif,
    split_native,
    verified_by,
)
from mediakiln.model.transform import Wanted
from mediakiln.web.derive.explanation import Explanation, refused, said
from mediakiln.web.derive.native.grammar import Grammar
from mediakiln.web.derive.rules import ImageRules

_SAFE: Final = "/,:_.-~"
_SLASHES: Final = 3
"""Between region, size, rotation and quality of IIIF."""


def explain(address: str, rules: ImageRules, *, keys: Sequence[bytes] = ()) -> Explanation:
    """Explain an address or its path; `keys` are those it may have been made with instead."""
    parts = urlsplit(address)
    path = parts.path
    lines: list[str] = []
    if path.startswith(IIIF):
        id, _, rest = path.removeprefix(IIIF).partition("/")
        id, signature = split_iiif(id)
        right = f"{sign_iiif(id, rules.keys[0], size=rules.signature_bytes)}/{rest}".rstrip("/")
        signed = _signature(address, f"{IIIF}{id}", signature, tuple(keys), rules, right, lines)
        return Explanation(works=_service(id, rest, lines) and signed, lines=lines)
    if not path.startswith(NATIVE):
        return Explanation(
            works=False,
            lines=[f"addresses of images begin with {NATIVE} or {IIIF}, this with {path[:40]}"],
        )
    bare, signature = split_native(path)
    right = sign_native(bare, rules.keys[0], size=rules.signature_bytes)
    signed = _signature(address, bare, signature, tuple(keys), rules, right, lines)
    meant = meaning(bare, rules)
    return Explanation(works=signed and meant.works, lines=[*lines, *meant.lines])


def _signature(
    address: str,
    bare: str,
    signature: str | None,
    given: Sequence[bytes],
    rules: ImageRules,
    right: str,
    lines: list[str],
) -> bool:
    size, keys = rules.signature_bytes, rules.keys
    if signature is None:
        if not rules.signed:
            lines.append("signature: none, and none is needed here")
            return True
        lines.append("signature: MISSING; without it a key that may read must be sent")
        if rules.local:
            lines.append("  (requests of the server's own machine need neither)")
        lines.append(f"  signed it is {right}")
        return rules.local
    made_by = verified_by(signature, bare.encode(), keys, size=size)
    if made_by is not None:
        which = "the first key" if made_by == 0 else f"key {made_by + 1}, which is an older one"
        lines.append(f"signature: right, made with {which}")
        return True
    lines.append("signature: WRONG")
    lines += [f"  {reason}" for reason in _reasons(address, bare, signature, keys, size, given)]
    lines.append(f"  right would be {right}")
    return False


def _reasons(
    address: str,
    bare: str,
    signature: str,
    own: Sequence[bytes],
    size: int,
    given: Sequence[bytes],
) -> Iterator[str]:
    """Why a signature fails, as exactly as can be told."""
    keys = (*own, *given)
    form = _form(signature, bare, keys)
    if form is not None:
        yield form
        return
    if verified_by(signature, bare.encode(), given, size=size) is not None:
        yield "the key is WRONG: it was made with the key given, which this server does not have"
        return
    for length in range(LEAST_BYTES, WHOLE_BYTES + 1):
        if verified_by(signature, bare.encode(), keys, size=length) is not None:
            sizes = " or ".join(str(each) for each in sorted({size, WHOLE_BYTES}))
            yield f"it is cut to {length} bytes; here signatures have {sizes}"
            return
    for what, message in _other_messages(address, bare).items():
        for length in (size, WHOLE_BYTES):
            if verified_by(signature, message.encode(), keys, size=length) is not None:
                yield what
                yield f"it was made over {message}"
                yield f"it must be over  {bare}"
                return
    if given:
        yield f"with the key given it is not that of {bare}: the path was altered after signing"
        return
    keys_said = "the key" if len(keys) == 1 else f"any of the {len(keys)} keys"
    yield f"it is not what {keys_said} here makes of {bare}:"
    yield "either it was made with another key, or the path was altered after it was signed"
    yield "(`--key` with the key it was made with tells which)"


def _form(signature: str, bare: str, keys: Sequence[bytes]) -> str | None:
    """What is wrong with the signature's form; None if nothing is."""
    for whole in (mac(key, bare.encode()) for key in keys):
        if signature and signature != whole and whole.startswith(signature):
            return f"it is cut: {len(signature)} of {len(whole)} characters are there"
    if is_signature(signature):
        return None
    text = unquote(signature)
    if text.endswith("="):
        return "it ends with = : base64url without padding is needed"
    if "+" in text or "/" in text:
        return "it is plain base64: base64url has - and _ in place of + and /"
    for key in keys:
        whole = base64.urlsafe_b64decode(mac(key, bare.encode()) + "=").hex()
        if text and whole.startswith(text.lower()):
            return "it is hexadecimal: base64url is needed"
    return f"it is not base64url of {LEAST_BYTES} to {WHOLE_BYTES} bytes"


def _other_messages(address: str, bare: str) -> Mapping[str, str]:
    """What people sign instead, by what went wrong with it."""
    parts = urlsplit(address)
    rest = bare.removeprefix(NATIVE)
    stem, _, extension = bare.rpartition(".")
    found = {
        "the path was percent-encoded after it was signed": unquote(bare),
        "the path was decoded after it was signed": quote(unquote(bare), safe="/_.-~"),
        "commas or colons were encoded or decoded after it was signed": quote(
            unquote(bare), safe=_SAFE
        ),
        f"{NATIVE} belongs to what is signed": rest,
        "the leading slash belongs to what is signed": bare.removeprefix("/"),
        "only /… without /i is signed": f"/{rest}",
        "the query was signed too": f"{bare}?{parts.query}",
        "the whole address was signed": f"{parts.scheme}://{parts.netloc}{bare}",
        "a slash at the end was signed too": f"{bare}/",
    }
    if parts.path.startswith(IIIF):
        whole = parts.path.replace(parts.path.split("/")[2], bare.removeprefix(IIIF), 1)
        found[f"only {IIIF} and the asset are signed, for all that is asked of it"] = whole
    elif "/" not in extension:
        found["the extension was added after it was signed"] = stem
    return {what: message for what, message in found.items() if message != bare}


def _service(id: str, rest: str, lines: list[str]) -> bool:
    """Whether an address of an asset's IIIF service has the parts it needs."""
    lines.append(f"asset: {id}")
    if not is_id(id.partition("/")[0]):
        lines.append("  this is no asset's id")
        return False
    if rest in {"", "info.json"} or rest.count("/") == _SLASHES:
        return True
    lines.append("parts: WRONG: {region}/{size}/{rotation}/{quality}.{format}, or info.json")
    return False


def meaning(bare: str, rules: ImageRules) -> Explanation:
    """What the options of a native path without its signature mean, or what is wrong in them."""
    try:
        wanted = Grammar(rules).parse(bare, {})
    except MediakilnError as error:
        return Explanation(works=False, lines=refused("options", error))
    expired = wanted.expires is not None and wanted.expires <= time.time()
    return Explanation(
        works=not expired, lines=[*_told(wanted), *(["  it has EXPIRED"] if expired else [])]
    )


def _told(wanted: Wanted) -> Iterator[str]:
    """What an address asks for, in words."""
    yield f"asset: {wanted.source}"
    if wanted.transform.raw:
        yield "the source's own bytes"
    for step in wanted.transform.steps:
        told = {name: value for name, value in step.items() if name != "op"}
        yield f"then {step['op']}: {said(told)}"
    encoding = dict(wanted.transform.encoding)
    if wanted.transform.negotiated:
        encoding["format"] = "the best that the client accepts"
    if encoding:
        yield f"encoded: {said(encoding)}"
    if wanted.attachment:
        yield f"saved as: {wanted.filename or 'the upload is called'}"
    if wanted.version is not None:
        yield f"version {wanted.version}: caches may keep it for ever"
    if wanted.expires is not None:
        yield f"good until: {datetime.fromtimestamp(wanted.expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if wanted.hints:
        yield f"depends on the request's {', '.join(wanted.hints)}"
