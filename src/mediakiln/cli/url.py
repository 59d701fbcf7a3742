"""`mediakiln url`."""

import json
import sys
import time
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
from mediakiln.roles import derive
from mediakiln.roles.derive_options import IMAGES_KEY
from mediakiln.roles.settings import Settings
from mediakiln.web.derive.native.explain import explain as explained
from mediakiln.web.derive.native.explain import meaning
from mediakiln.web.derive.rules import ImageRules

app = App(name="url", help="Sign addresses of images, and explain them.")

Data = Annotated[Path | None, Parameter(help="The data folder whose key signs.")]
Key = Annotated[str | None, Parameter(help="The key it is, or was, signed with.")]


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
    """Print a native address, or its path from /i/ on, with its signature; or one of IIIF.

    It is signed as it is written: what must be percent-encoded must be so already. The signature
    of `/iiif/ASSET` is good for all that viewers ask of the asset.
    """
    rules = _rules(data, key)
    parts = urlsplit(address)
    if parts.path.startswith(IIIF):
        print(parts._replace(path=_iiif(parts.path, rules, key, seconds)).geturl())
        return
    if not parts.path.startswith(NATIVE):
        raise InvalidRequest(
            f"addresses of images begin with {NATIVE} or {IIIF}",
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
    rules = _rules(data)
    found = explained(address, rules, keys=() if key is None else (key.encode(),))
    if json_:
        print(json.dumps({"works": found.works, "lines": list(found.lines)}, indent=2))
    else:
        print("\n".join(found.lines))
    if not found.works:
        sys.exit(1)
