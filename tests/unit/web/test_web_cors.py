"""Pages of other sites upload with a token, where the settings allow their origin."""

import pytest

from support.site import a_text

from .conftest import OpenSite

KEY = "mk_the-owner's-key"
PAGE = "https://app.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


@pytest.mark.parametrize("path", ["/v1/assets", "/v1/uploads", "/v1/uploads/x/parts/1"])
@pytest.mark.parametrize("origins", [(PAGE,), ("*",)])
async def test_an_allowed_origin_may_ask_without_a_key(
    open_site: OpenSite, path: str, origins: tuple[str, ...]
) -> None:
    site = await open_site(owner_key=KEY, cors_origins=origins)
    del site.http.headers["authorization"]
    answer = await site.http.options(path, headers=PREFLIGHT | {"Origin": PAGE})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
async def test_other_origins_are_told_nothing(
    open_site: OpenSite, origins: tuple[str, ...]
) -> None:
    site = await open_site(owner_key=KEY, cors_origins=origins)
    for answer in (
        await site.http.options("/v1/assets", headers=PREFLIGHT | {"Origin": PAGE}),
        await site.http.post(
            "/v1/assets?filename=a.txt", content=a_text(), headers={"Origin": PAGE}
        ),
    ):
        assert "access-control-allow-origin" not in answer.headers


async def test_a_page_elsewhere_uploads_and_reads_the_answer(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY, cors_origins=(PAGE,))
    token = (await site.http.post("/v1/tokens", json={})).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Origin": PAGE, "Sec-Fetch-Site": "cross-site"}
    made = await site.http.post("/v1/assets?filename=a.txt", content=a_text(), headers=headers)
    assert made.status_code == 201
    assert made.headers["access-control-allow-origin"] == PAGE
    assert "Location" in made.headers["access-control-expose-headers"]
    refused = await site.http.post("/v1/assets", content=a_text(), headers=headers)
    assert refused.headers["access-control-allow-origin"] == PAGE


async def test_a_session_is_no_use_to_another_sites_page(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY, cors_origins=(PAGE,))
    secret = await site.services.access.signin.open("owner")
    headers = {
        "Authorization": "",
        "Cookie": f"mediakiln_session={secret}",
        "Origin": PAGE,
        "Sec-Fetch-Site": "cross-site",
    }
    answer = await site.http.post("/v1/assets?filename=a.txt", content=a_text(), headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/assets/x", "/v1/tokens"])
async def test_nothing_but_the_ways_in_is_shared(open_site: OpenSite, path: str) -> None:
    site = await open_site(owner_key=KEY, cors_origins=("*",))
    del site.http.headers["authorization"]
    answer = await site.http.options(path, headers=PREFLIGHT | {"Origin": PAGE})
    assert answer.status_code == 401
    assert "access-control-allow-origin" not in answer.headers
