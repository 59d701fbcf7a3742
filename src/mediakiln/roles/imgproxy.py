"""imgproxy's addresses: what the settings say of them."""

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles import imports
from mediakiln.roles.engines import Engines
from mediakiln.roles.settings import Settings
from mediakiln.web.derive.imgproxy.door import ImgproxyRules
from mediakiln.web.derive.imgproxy.origins import Origins


def rules(settings: Settings, engines: Engines) -> ImgproxyRules:
    """What the door of imgproxy's addresses goes by.

    Raises:
        EngineMisconfigured: a key or salt is not hexadecimal, or a key has no salt.
    """
    allowed = settings.imgproxy_sources
    return ImgproxyRules(
        keys=_keys(settings),
        signature_bytes=settings.imgproxy_signature_bytes,
        presets=settings.imgproxy_presets,
        watermark=settings.imgproxy_watermark,
        origins=Origins(
            imports.fetcher(settings, engines) if allowed else None,
            allowed,
            max_bytes=settings.import_max_file_bytes,
            project="default",
        ),
    )


def _keys(settings: Settings) -> list[tuple[bytes, bytes]]:
    keys, salts = settings.imgproxy_keys, settings.imgproxy_salts
    if len(keys) != len(salts):
        raise EngineMisconfigured(
            f"imgproxy_keys names {len(keys)} keys and imgproxy_salts {len(salts)} salts",
            hint="give each key its salt, in the same order",
        )
    try:
        return [
            (bytes.fromhex(key.get_secret_value()), bytes.fromhex(salt.get_secret_value()))
            for key, salt in zip(keys, salts, strict=True)
        ]
    except ValueError:
        raise EngineMisconfigured(
            "a key or salt of imgproxy is not hexadecimal",
            hint="make one by: python -c 'import secrets; print(secrets.token_hex(32))'",
        ) from None
