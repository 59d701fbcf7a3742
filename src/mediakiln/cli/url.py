"""`mediakiln url`."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter, validators

from mediakiln.model.errors import EngineMisconfigured, InvalidRequest
from mediakiln.model.signature import (
    IIIF,
    NATIVE,
    expiring,
    sign_iiif,
    sign_native,
    split_iiif,
    split_native,
)
from mediakiln.roles import derive, imgproxy
from mediakiln.roles.derive_options import IMAGES_KEY
from mediakiln.roles.settings import Settings
from mediakiln.web.derive.explanation import Explanation
from mediakiln.web.derive.imgproxy.address import PREFIX
from mediakiln.web.derive.imgproxy.explain import explain as explained_imgproxy
from mediakiln.web.derive.imgproxy.explain import signed as signed_imgproxy
from mediakiln.web.derive.native.explain import explain as explained
from mediakiln.web.derive.native.explain import meaning
from mediakiln.web.derive.rules import ImageRules

app = App(name="url", help="Sign addresses of images, and explain them.")

Data = Annotated[Path | None, Parameter(help="The data folder whose key signs.")]
Key = Annotated[
    str | None,
    Parameter(help="The key it is, or was, signed with; KEY:SALT for addresses of imgproxy's."),
]


@app.command
def sign(
    address: str,
    /,
    *,
    seconds: Annotated[
        float | None, Parameter(help="How long it is good for.", validator=validators.Number(gt=0))
    ] = None,
    key: Key = None,
    data: Data = None,
) -> None:
    """Print a native address, or its path from /i/ on, signed; or one of IIIF or imgproxy.

    It is signed as it is written: what must be percent-encoded must be so already. The signature
    of `/iiif/ASSET` is good for all that viewers ask of the asset. An address of imgproxy's has
    `_`, or the old signature, where the new one comes.
    """
    parts = urlsplit(address)
    if parts.path.startswith(PREFIX):
        print(parts._replace(path=_imgproxy(parts.path, data, key, seconds)).geturl())
        return
    rules = _rules(data, key)
    if parts.path.startswith(IIIF):
        print(parts._replace(path=_iiif(parts.path, rules, key, seconds)).geturl())
        return
    if not parts.path.startswith(NATIVE):
        raise InvalidRequest(
            f"addresses of images begin with {NATIVE}, {IIIF} or {PREFIX}",
            hint=f"write {NATIVE}w_400,f_auto/ASSET",
        )
    path, _ = split_native(parts.path)
    if seconds is not None:
        path = expiring(path, int(time.time() + seconds))
    with_key = rules.keys[0] if key is None else key.encode()
    signed = sign_native(path, with_key, size=rules.signature_bytes)
    print(parts._replace(path=signed).geturl())
    wrong = meaning(path, rules)
    if not wrong.works:
        print("\n".join(("signed, but:", *wrong.lines)), file=sys.stderr)


def _rules(data: Path | None, key: str | None = None) -> ImageRules:
    """The rules of the installation whose data folder this is; `key` signs where it has none.

    Raises:
        EngineMisconfigured: there is no key: one made here would be no server's.
    """
    settings = Settings.given(data=data)
    if settings.images_keys or (settings.data / IMAGES_KEY).exists():
        return derive.rules(settings)
    if key is None:
        raise EngineMisconfigured(
            f"no key of images is set, and none lies in {settings.data.absolute()}",
            hint="name the server's data folder with --data or MEDIAKILN_DATA, "
            "or its key with MEDIAKILN_IMAGES_KEYS",
        )
    return derive.rules(settings, keys=(key,))


def _iiif(path: str, rules: ImageRules, key: str | None, seconds: float | None) -> str:
    """The path of an asset's image service, or of one of its images, signed."""
    if seconds is not None:
        raise InvalidRequest("addresses of IIIF do not expire", field="seconds")
    identifier, slash, rest = path.removeprefix(IIIF).partition("/")
    id, _ = split_iiif(identifier)
    with_key = rules.keys[0] if key is None else key.encode()
    return f"{sign_iiif(id, with_key, size=rules.signature_bytes)}{slash}{rest}"


def _imgproxy(path: str, data: Path | None, key: str | None, seconds: float | None) -> str:
    """The path of one of imgproxy's addresses, signed."""
    rules = imgproxy.rules_of_grammar(Settings.given(data=data))
    if key is not None:
        rules = replace(rules, keys=[_pair(key)])
    if seconds is not None:
        place, _, rest = path.removeprefix(PREFIX).partition("/")
        path = f"{PREFIX}{place}/exp:{int(time.time() + seconds)}/{rest}"
    return signed_imgproxy(path, rules)


def _pair(text: str) -> tuple[bytes, bytes]:
    """Key and salt of imgproxy's, as they are given with `--key`."""
    key, mark, salt = text.partition(":")
    if not mark:
        raise InvalidRequest(
            "imgproxy's addresses are signed with a key and a salt",
            field="key",
            hint="write --key KEY:SALT, both hexadecimal",
        )
    return imgproxy.pair(key, salt)


def _explained(address: str, data: Path | None, key: str | None) -> Explanation:
    if not urlsplit(address).path.startswith(PREFIX):
        keys = () if key is None else (key.encode(),)
        return explained(address, _rules(data), keys=keys)
    settings = Settings.given(data=data)
    return explained_imgproxy(
        address,
        imgproxy.rules_of_grammar(settings),
        needed=settings.images_signed is not False,
        local=settings.images_signed is None and settings.loopback,
        given=() if key is None else (_pair(key),),
    )


@app.command
def explain(
    address: str,
    /,
    *,
    key: Key = None,
    data: Data = None,
    json_: Annotated[bool, Parameter(name="--json", help="As JSON.")] = False,
) -> None:
    """Say whether an address works, exactly why not, and what its options mean.

    Exit code 1 where it does not work.
    """
    found = _explained(address, data, key)
    if json_:
        print(json.dumps({"works": found.works, "lines": list(found.lines)}, indent=2))
    else:
        print("\n".join(found.lines))
    if not found.works:
        sys.exit(1)
