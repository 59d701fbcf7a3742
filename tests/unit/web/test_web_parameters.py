"""A query parameter that a route does not take is refused, not ignored."""

import pytest

from support.site import Site, a_text


@pytest.mark.parametrize(
    ("method", "path", "field", "hint"),
    [
        ("GET", "/v1/assets?stat=ready", "stat", "did you mean state?"),
        ("GET", "/v1/assets?limit=1&Limit=1", "Limit", "did you mean limit?"),
        ("POST", "/v1/assets?filename=a.txt&wait=5", "wait", None),
        ("GET", "/v1/events?kind=image&sate=ready", "sate", "did you mean state?"),
        ("GET", "/v1/operations?x=1", "x", None),
        ("GET", "/v1/uploads?%F0%9F%98%80=1", "\U0001f600", None),
    ],
)
async def test_an_unknown_parameter_is_named_with_those_there_are(
    site: Site, method: str, path: str, field: str, hint: str | None
) -> None:
    content = a_text() if method == "POST" else None
    answer = await site.http.request(method, path, content=content)
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (400, "invalid_request", field)
    assert told.get("hint") == hint
    assert field not in told["allowed"]
    if path.startswith("/v1/assets"):
        assert {"q", "filename"} & set(told["allowed"])


async def test_nothing_is_taken_in_by_a_request_that_is_refused_for_it(site: Site) -> None:
    answer = await site.http.post("/v1/assets?filename=a.txt&recip=none", content=a_text())
    assert answer.status_code == 400
    assert (await site.http.get("/v1/assets")).json()["assets"] == []


@pytest.mark.parametrize("path", ["/v1/tus?token=1", "/v1/notifications/objects?from=sns"])
async def test_what_programs_of_others_add_is_left_alone(site: Site, path: str) -> None:
    answer = await site.http.request("OPTIONS", path)
    assert "there is no parameter" not in answer.text


async def test_addresses_of_files_take_what_passes_a_cache(site: Site) -> None:
    asset = await site.world.upload()
    answer = await site.http.get(f"/v1/assets/{asset.id}/original?v=2")
    assert answer.status_code == 200
