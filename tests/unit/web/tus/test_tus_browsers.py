"""Pages of other sites: only those that a setting names may upload."""

from collections.abc import Awaitable, Callable

from support.site import Site
from support.tus import TusClient

OpenSite = Callable[..., Awaitable[Site]]
PREFLIGHT = {
    "Origin": "https://app.example",
    "Access-Control-Request-Method": "PATCH",
    "Tus-Resumable": None,
}


async def test_without_the_setting_no_page_of_another_site_is_let_in(tus: TusClient) -> None:
    answer = await tus.request("OPTIONS", headers={**PREFLIGHT})
    assert answer.status_code == 204
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_page_that_is_allowed_hears_how_and_sees_the_headers(open_site: OpenSite) -> None:
    site: Site = await open_site(owner_key="k" * 40, cors_origins=("https://app.example",))
    tus = TusClient(site.http)
    asked = await tus.request("OPTIONS", headers={**PREFLIGHT})
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
    assert "PATCH" in asked.headers["access-control-allow-methods"]
    assert "Upload-Offset" in asked.headers["access-control-allow-headers"]
    assert asked.headers["vary"] == "Origin"
    made = await tus.post(upload_length="5", origin="https://app.example")
    assert made.status_code == 201
    assert "Location" in made.headers["access-control-expose-headers"]
    refused = await tus.post(origin="https://app.example")
    assert refused.status_code == 400
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


async def test_a_page_that_is_not_allowed_hears_nothing(open_site: OpenSite) -> None:
    site: Site = await open_site(cors_origins=("https://app.example",))
    asked = await TusClient(site.http).request(
        "OPTIONS", headers={**PREFLIGHT, "Origin": "https://other.example"}
    )
    assert "access-control-allow-origin" not in asked.headers
    assert asked.headers["vary"] == "Origin"


async def test_any_page_may_be_allowed(open_site: OpenSite) -> None:
    site: Site = await open_site(cors_origins=("*",))
    asked = await TusClient(site.http).request("OPTIONS", headers={**PREFLIGHT})
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
