"""Absolute addresses, as the client sees this service."""

from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Scope

from mediakiln.web.services import Services


def base_url(scope: Scope, services: Services) -> str:
    """Scheme and host without a trailing slash: the configured ones, else the request's."""
    if services.public_url is not None:
        return services.public_url.rstrip("/")
    headers = Headers(scope=scope)
    scheme, host = scope.get("scheme", "http"), headers.get("host") or _address(scope)
    if services.trust_proxy:
        scheme = _first(headers.get("x-forwarded-proto")) or scheme
        host = _first(headers.get("x-forwarded-host")) or host
    return f"{scheme}://{host}"


def asset_url(base: str, id: str) -> str:
    """The address of an asset's record."""
    return f"{base}/v1/assets/{id}"


def original_url(base: str, id: str) -> str:
    """The address of an asset's upload, as it came."""
    return f"{base}/v1/assets/{id}/original"


def product_url(base: str, id: str, name: str) -> str:
    """The address of a product."""
    return f"{base}/v1/assets/{id}/products/{quote(name, safe='/')}"


def _address(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return host if port is None else f"{host}:{port}"


def _first(value: str | None) -> str:
    return (value or "").partition(",")[0].strip()
