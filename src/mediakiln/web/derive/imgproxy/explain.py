"""What is wrong with one of imgproxy's addresses, and what it means."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.ids import is_id
from mediakiln.model.signature import LEAST_BYTES, WHOLE_BYTES, encoded, is_signature
from mediakiln.web.derive.explanation import Explanation, refused, said
from mediakiln.web.derive.imgproxy.address import PREFIX, UNSIGNED, Address, split
from mediakiln.web.derive.imgproxy.door import ASSET, ImgproxyRules, verifies
from mediakiln.web.derive.imgproxy.options import Options
from mediakiln.web.derive.imgproxy.parsing import understood

Pair = tuple[bytes, bytes]
"""A key and its salt."""

_SAFE: Final = "/,:@_.-~"


def signed(path: str, rules: ImgproxyRules) -> str:
    """A path with the first key's signature in the first one's place.

    Raises:
        InvalidRequest: there is no key, or the path is no address.
    """
    if not rules.keys:
        raise InvalidRequest(
            "there is no key", field="key", hint="set imgproxy_keys and their salts"
        )
    over = split(path).signed
    return f"{PREFIX}{encoded(_digest(rules.keys[0], over)[: rules.signature_bytes])}{over}"


def explain(
    address: str,
    rules: ImgproxyRules,
    *,
    needed: bool = True,
    local: bool = False,
    given: Sequence[Pair] = (),
) -> Explanation:
    """Explain an address or its path.

    Args:
        address: from the scheme or from /imgproxy/ on.
        rules: keys, salts and presets; where sources come from does not matter.
        needed: whether an address must be signed.
        local: whether requests of the server's own machine need no signature.
        given: keys and salts that it may have been signed with instead.
    """
    path = urlsplit(address).path
    try:
        parts = split(path)
    except InvalidRequest as error:
        return Explanation(works=False, lines=refused("address", error))
    lines: list[str] = []
    if not parts.signature or parts.signature in UNSIGNED:
        right = local or not needed
        lines += _missing(parts, rules, needed=needed, local=local)
    else:
        right = verifies(parts.signature, parts.signed, rules)
        lines += ["signature: right"] if right else _wrong(address, parts, rules, tuple(given))
    means = _meaning(parts, rules)
    return Explanation(works=right and means.works, lines=[*lines, *means.lines])


def _missing(parts: Address, rules: ImgproxyRules, *, needed: bool, local: bool) -> Iterator[str]:
    if not needed:
        yield "signature: none, and none is needed here"
        return
    yield "signature: MISSING; without it a key that may read must be sent"
    if local:
        yield "  (requests of the server's own machine need neither)"
    if rules.keys:
        yield f"  signed it is {signed(f'{PREFIX}_{parts.signed}', rules)}"


def _wrong(
    address: str, parts: Address, rules: ImgproxyRules, given: Sequence[Pair]
) -> Iterator[str]:
    yield "signature: WRONG"
    if not rules.keys:
        yield "  there is no key here: set imgproxy_keys and imgproxy_salts"
        return
    yield f"  {_reason(address, parts, rules, given)}"
    yield f"  right would be {signed(f'{PREFIX}_{parts.signed}', rules)}"


def _reason(address: str, parts: Address, rules: ImgproxyRules, given: Sequence[Pair]) -> str:
    """Why a signature fails, as exactly as can be told."""
    signature, pairs = parts.signature, (*rules.keys, *given)
    form = _form(parts, pairs)
    if form is not None:
        return form
    for why, pair in _other_pairs(rules.keys, given):
        if _made(signature, pair, parts.signed):
            return why
    for pair in pairs:
        if _made(signature, pair, parts.signed):
            made = len(_raw(signature))
            return f"it has {made} bytes; here signatures have {rules.signature_bytes}"
    for why, message in _other_messages(address, parts).items():
        if any(_made(signature, pair, message) for pair in pairs):
            return f"{why}: it was made over {message}, and must be over {parts.signed}"
    if given:
        return (
            f"with the key and salt given it is not that of {parts.signed}: altered after signing"
        )
    return (
        f"it is not what the keys here make of {parts.signed}: key or salt was another, or the "
        "path was altered after signing (`--key KEY:SALT`, as it was made with, tells which)"
    )


def _form(parts: Address, pairs: Sequence[Pair]) -> str | None:
    """What is wrong with the signature's form; None if nothing is."""
    for whole in (encoded(_digest(pair, parts.signed)) for pair in pairs):
        if parts.signature != whole and whole.startswith(parts.signature):
            return f"it is cut: {len(parts.signature)} of {len(whole)} characters are there"
    if is_signature(parts.signature):
        return None
    text = unquote(parts.signature)
    if text.endswith("="):
        return "its = at the end were encoded: base64url without padding is needed"
    if "+" in text or "/" in text:
        return "it is plain base64: base64url has - and _ in place of + and /"
    for pair in pairs:
        if text and _digest(pair, parts.signed).hex().startswith(text.lower()):
            return "it is hexadecimal: base64url is needed"
    return f"it is not base64url of {LEAST_BYTES} to {WHOLE_BYTES} bytes"


def _other_pairs(own: Sequence[Pair], given: Sequence[Pair]) -> Iterator[tuple[str, Pair]]:
    """What people sign with instead."""
    keys, salts = {key for key, _ in own}, {salt for _, salt in own}
    for pair in given:
        known = pair[0] in keys, pair[1] in salts
        wrong = {(True, False): "the SALT is", (False, True): "the KEY is"}
        yield f"{wrong.get(known, 'KEY and SALT are')} WRONG: it was made with those given", pair
    for key, salt in own:
        yield "the SALT is missing: it was made with the key alone", (key, b"")
        for other, _ in own:
            if other != key:
                yield "the SALT is that of another key", (other, salt)
        texts = key.hex().encode(), salt.hex().encode()
        for pair in (texts, (texts[0], salt), (key, texts[1])):
            yield "key and salt are hexadecimal: they were taken as text, not decoded", pair
        for foreign, spice in given:
            yield "the SALT is WRONG: the key is one of those here", (key, spice)
            yield "the KEY is WRONG: the salt is one of those here", (foreign, salt)


def _other_messages(address: str, parts: Address) -> Mapping[str, str]:
    """What people sign instead, by what went wrong with it."""
    whole, path = urlsplit(address), parts.signed
    stem, mark, _ = path.rpartition("@" if "/plain/" in path else ".")
    found = {
        "the leading slash belongs to what is signed": path[1:],
        f"{PREFIX} does not belong to what is signed": f"{PREFIX.rstrip('/')}{path}",
        "the path was percent-encoded after it was signed": unquote(path),
        "the path was decoded after it was signed": quote(unquote(path), safe="/:_.-~"),
        "signs were encoded or decoded after it was signed": quote(unquote(path), safe=_SAFE),
        "the query was signed too": f"{path}?{whole.query}",
        "the whole address was signed": f"{whole.scheme}://{whole.netloc}{path}",
        "a slash at the end was signed too": f"{path}/",
        "only the source was signed": parts.source,
    }
    if mark:
        found["the extension was added after it was signed"] = stem
    return {why: message for why, message in found.items() if message != path}


def _meaning(parts: Address, rules: ImgproxyRules) -> Explanation:
    try:
        options = understood(parts, rules.presets)
    except InvalidRequest as error:
        return Explanation(works=False, lines=refused("options", error))
    lines = [_source(parts.source, rules.base_url), *_told(options)]
    expires = options.expires
    if not expires:
        return Explanation(works=True, lines=lines)
    lines.append(f"good until: {datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M:%S} UTC")
    late = expires <= time.time()
    return Explanation(works=not late, lines=[*lines, *(["  it has EXPIRED"] if late else [])])


def _source(text: str, base_url: str) -> str:
    id = text.removeprefix(ASSET)
    if is_id(id):
        return f"asset: {id}"
    return f"source: {text if '://' in text else base_url + text}"


def _told(options: Options) -> Iterator[str]:
    """What the options ask for that is not so anyway."""
    usual = Options()
    for each in fields(options):
        value = getattr(options, each.name)
        if value != getattr(usual, each.name) and each.name != "expires":
            yield f"{each.name.replace('_', ' ')}: {said(value)}"


def _made(signature: str, pair: Pair, message: str) -> bool:
    """Whether this key and salt made the signature, whole or cut."""
    raw = _raw(signature)
    return hmac.compare_digest(_digest(pair, message)[: len(raw)], raw)


def _raw(signature: str) -> bytes:
    return base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))


def _digest(pair: Pair, message: str) -> bytes:
    key, salt = pair
    return hmac.new(key, salt + message.encode(), hashlib.sha256).digest()
