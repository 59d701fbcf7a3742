"""imgproxy's addresses: what the settings say of them."""

from dataclasses import replace
from urllib.parse import unquote, urlsplit

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles import imports
from mediakiln.roles.engines import Engines, open_place
from mediakiln.roles.settings import Settings
from mediakiln.web.derive.imgproxy.door import ImgproxyRules
from mediakiln.web.derive.imgproxy.origins import Origins, Shelf


def rules(settings: Settings, engines: Engines) -> ImgproxyRules:
    """What the door of imgproxy's addresses goes by.

    Raises:
        EngineMisconfigured: a key or salt is not hexadecimal, or a key has no salt.
    """
    return replace(rules_of_grammar(settings), origins=_origins(settings, engines))


def rules_of_grammar(settings: Settings) -> ImgproxyRules:
    """The same for who only reads addresses: nothing elsewhere is a source.

    Raises:
        EngineMisconfigured: as `rules`.
    """
    return ImgproxyRules(
        keys=_keys(settings),
        signature_bytes=settings.imgproxy_signature_bytes,
        presets=settings.imgproxy_presets,
        watermark=settings.imgproxy_watermark,
        origins=Origins(None, (), max_bytes=0, project="default"),
        base_url=settings.imgproxy_base_url,
        auto_format=settings.imgproxy_auto_format,
    )


def _origins(settings: Settings, engines: Engines) -> Origins:
    sources = [each.get_secret_value() for each in settings.imgproxy_sources]
    web = [each for each in sources if each.startswith(("http://", "https://"))]
    shelves = []
    for each in sources:
        if each not in web:
            place = open_place(each, "IMGPROXY_SOURCES")
            engines.before_close.append(place.close)
            hidden = not each.startswith("file:")
            shelves.append(Shelf(beginnings(each), place, hidden=hidden))
    return Origins(
        imports.fetcher(settings, engines) if web else None,
        web,
        shelves=shelves,
        max_bytes=settings.import_max_file_bytes,
        project="default",
    )


def beginnings(url: str) -> tuple[str, ...]:
    """What addresses begin with that name files of a place: of its URL, without what is secret.

    imgproxy calls folders local:// and Azure's containers abs://, without their account.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).strip("/")
    if parts.scheme == "file":
        return ("local:///",)
    named = [f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{path}"]
    if parts.scheme == "az":
        named.append(f"abs://{path}")
    return tuple(each if each.endswith("/") else f"{each}/" for each in named)


def _keys(settings: Settings) -> list[tuple[bytes, bytes]]:
    keys = [key.get_secret_value() for key in settings.imgproxy_keys]
    salts = [salt.get_secret_value() for salt in settings.imgproxy_salts]
    if len(keys) != len(salts):
        raise EngineMisconfigured(
            f"imgproxy_keys names {len(keys)} keys and imgproxy_salts {len(salts)} salts",
            hint="give each key its salt, in the same order",
        )
    return [pair(key, salt) for key, salt in zip(keys, salts, strict=True)]


def pair(key: str, salt: str) -> tuple[bytes, bytes]:
    """A key and its salt, of what is written in hexadecimal.

    Raises:
        EngineMisconfigured: one of them is not.
    """
    try:
        return bytes.fromhex(key), bytes.fromhex(salt)
    except ValueError:
        raise EngineMisconfigured(
            "a key or salt of imgproxy is not hexadecimal",
            hint="make one by: python -c 'import secrets; print(secrets.token_hex(32))'",
        ) from None
