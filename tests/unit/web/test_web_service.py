"""Health, documentation, problems, and what every answer carries."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mediakiln.model import errors
from mediakiln.model.errors import (
    EngineUnavailable,
    MediakilnError,
    ModelUnavailable,
    Overloaded,
    StorageFull,
)
from mediakiln.web.errors import STATUS, problem_of
from support.site import Site, a_text
from support.waiting import eventually

from .conftest import OpenSite


async def test_readiness_names_what_does_not_work(open_site: OpenSite) -> None:
    async def broken() -> Mapping[str, str | None]:
        return {"store": "the disk is full", "broker": None}

    site = await open_site(ready=broken)
    answer = await site.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {"store": "the disk is full", "broker": None},
    }
    assert answer.headers["retry-after"]
    assert (await site.http.get("/healthz")).status_code == 200


async def test_every_answer_has_an_id_which_the_client_may_choose(site: Site) -> None:
    for path in ("/healthz", "/v1/nix", "/v1/assets/x/original"):
        one, two = await site.http.get(path), await site.http.get(path)
        assert one.headers["x-request-id"] != two.headers["x-request-id"]
        assert one.headers["x-content-type-options"] == "nosniff"
        chosen = await site.http.get(path, headers={"X-Request-Id": "trace-0123456"})
        assert chosen.headers["x-request-id"] == "trace-0123456"
        odd = await site.http.get(path, headers={"X-Request-Id": "<script>"})
        assert odd.headers["x-request-id"] != "<script>"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nix", 404, "not_found"),
        ("GET", "/v1/", 404, "not_found"),
        ("PUT", "/v1/assets", 405, "method_not_allowed"),
        ("PATCH", "/v1/operations", 405, "method_not_allowed"),
    ],
)
async def test_addresses_and_methods_that_are_not_there_are_problems(
    site: Site, method: str, path: str, status: int, code: str
) -> None:
    answer = await site.http.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_wrong_method_is_told_every_method_of_the_address(site: Site) -> None:
    assert (await site.http.put("/v1/assets")).headers["allow"] == "GET, POST"
    assert (await site.http.patch("/v1/assets/x")).headers["allow"] == "DELETE, GET"


async def test_an_unknown_error_tells_the_log_and_not_the_client(
    open_site: OpenSite, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> Mapping[str, str | None]:
        raise RuntimeError("the secret is 42")

    site = await open_site(ready=broken)
    with caplog.at_level(logging.ERROR):
        answer = await site.http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "42" not in answer.text
    assert "the secret is 42" in caplog.text


async def test_the_access_log_leaves_out_what_is_secret(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="mediakiln.access"):
        await site.http.get("/signin?token=hush")
        await site.http.get("/v1/nix%0aforged")
        await eventually(lambda: "GET /v1/nix%0aforged 404" in caplog.text)
    assert "GET /signin 303" in caplog.text
    assert "hush" not in caplog.text


def the_tree(kind: type[MediakilnError] = MediakilnError) -> Iterator[type[MediakilnError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from the_tree(child)


@pytest.mark.parametrize("kind", list(the_tree()), ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_problem_with_its_own_code(kind: type[MediakilnError]) -> None:
    answer = problem_of(kind("what happened", limit=5, step=None, odd=object))
    document = json.loads(bytes(answer.body))
    assert answer.status_code == document["status"] == STATUS.get(kind.code, 500)
    assert document["code"] == kind.code
    assert "step" not in document
    if answer.status_code != 500:
        assert (document["detail"], document["limit"]) == ("what happened", 5)


def test_what_may_work_later_says_when_to_try_again() -> None:
    for error in (StorageFull(), Overloaded(), EngineUnavailable()):
        answer = problem_of(error)
        assert answer.status_code in {503, 507}
        assert int(answer.headers["retry-after"]) > 0


def test_what_is_not_installed_is_named_with_its_remedy() -> None:
    answer = problem_of(ModelUnavailable("there is no codec", hint="pip install it"))
    document = json.loads(bytes(answer.body))
    assert answer.status_code == 501
    assert (document["detail"], document["hint"]) == ("there is no codec", "pip install it")


async def test_the_documentation_needs_no_other_host(site: Site) -> None:
    page = await site.http.get("/docs")
    assert page.status_code == 200
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page.text)
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for code in STATUS:
        if any(kind.code == code for kind in the_tree()):
            assert f'id="{code}"' in page.text


async def test_the_documentation_shows_protocols_beside_the_framework(site: Site) -> None:
    page = (await site.http.get("/docs")).text
    for method in ("POST", "OPTIONS"):
        assert f"<b>{method}</b> <code>/v1/tus</code>" in page
    for method in ("HEAD", "PATCH", "DELETE"):
        assert f"<b>{method}</b> <code>/v1/tus/{{id}}</code>" in page
    assert "<code>Upload-Offset</code> The bytes that are durable." in page


async def test_the_description_is_complete_and_its_references_lead_somewhere(site: Site) -> None:
    document = (await site.http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert {
        "POST /v1/assets", "GET /v1/assets", "GET /v1/assets/{id}", "DELETE /v1/assets/{id}",
        "GET /v1/assets/{id}/events", "POST /v1/assets/{id}/process",
        "POST /v1/assets/{id}/restore", "POST /v1/assets/{id}/purge", "POST /v1/images/sign",
        "GET /v1/assets/{id}/deliveries",
        "GET /v1/assets/{id}/original", "HEAD /v1/assets/{id}/original",
        "GET /v1/assets/{id}/products/{name}",
        "HEAD /v1/assets/{id}/products/{name}",
        "GET /i/{options}/{asset}", "HEAD /i/{options}/{asset}",
        "GET /imgproxy/{signature}/{address}", "HEAD /imgproxy/{signature}/{address}",
        "GET /iiif/{identifier}", "GET /iiif/{identifier}/info.json",
        "GET /iiif/{identifier}/{region}/{size}/{rotation}/{quality}.{format}",
        "HEAD /iiif/{identifier}/{region}/{size}/{rotation}/{quality}.{format}",
        "GET /v1/operations", "GET /v1/recipes",
        "GET /v1/dead", "GET /v1/dead/{id}", "POST /v1/dead/{id}/replay", "DELETE /v1/dead/{id}",
        "GET /healthz", "GET /readyz", "GET /metrics", "GET /signin", "POST /v1/signin",
        "POST /v1/keys", "GET /v1/keys", "DELETE /v1/keys/{id}", "POST /v1/projects",
        "GET /v1/projects", "POST /v1/tokens", "GET /v1/audit",
        "POST /v1/uploads", "GET /v1/uploads", "GET /v1/uploads/{id}", "DELETE /v1/uploads/{id}",
        "PUT /v1/uploads/{id}/parts/{number}", "GET /v1/uploads/{id}/parts",
        "POST /v1/uploads/{id}/parts/{number}/url", "POST /v1/uploads/{id}/complete",
        "POST /v1/uploads/direct", "POST /v1/uploads/direct/{id}/complete",
        "POST /v1/tus", "OPTIONS /v1/tus", "HEAD /v1/tus/{id}", "PATCH /v1/tus/{id}",
        "DELETE /v1/tus/{id}", "OPTIONS /v1/tus/{id}",
        "POST /v1/notifications/objects", "GET /v1/events",
        "POST /v1/imports", "GET /v1/imports", "GET /v1/imports/{id}", "DELETE /v1/imports/{id}",
        "GET /v1/imports/{id}/items", "POST /v1/imports/{id}/retry",
        "POST /v1/assets/{id}/deliveries/{delivery}/resend",
        "POST /v1/webhooks", "GET /v1/webhooks", "GET /v1/webhooks/{id}",
        "POST /v1/erasures", "GET /v1/erasures/{id}", "GET /v1/uploaders/{uploader}/export",
        "DELETE /v1/webhooks/{id}", "POST /v1/webhooks/{id}/enable", "POST /v1/webhooks/{id}/test",
    } == set(operations)  # fmt: skip
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))
    for name, operation in operations.items():
        assert operation.get("summary"), name
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
            if int(status) >= 400 and name != "GET /readyz":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
    for reference in _references(document):
        found: Any = document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


async def test_what_is_installed_is_described(site: Site) -> None:
    operations = (await site.http.get("/v1/operations")).json()["operations"]
    resize = next(item for item in operations if item["name"] == "image.resize")
    assert resize["parameters"]["properties"]["width"]["description"]
    recipes = (await site.http.get("/v1/recipes")).json()["recipes"]
    assert {"image", "document", "model3d", "video", "audio"} <= {item["name"] for item in recipes}


async def test_no_document_is_read_beyond_its_limit(site: Site) -> None:
    paths = (await site.http.get("/openapi.json")).json()["paths"]
    taking = [
        path
        for path, methods in paths.items()
        if "application/json" in methods.get("post", {}).get("requestBody", {}).get("content", {})
        and "{" not in path
    ]
    assert len(taking) >= 9
    body = b'{"name": "' + b"x" * (17 << 20) + b'"}'
    for path in taking:
        answer = await site.http.post(path, content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), path
        assert answer.json()["limit"] < len(body)


@pytest.mark.parametrize("declared", ["", "application/x-www-form-urlencoded", "text/plain"])
async def test_a_document_is_json_whatever_its_type_says(site: Site, declared: str) -> None:
    """`curl -d` says that it sends a form."""
    answer = await site.http.post(
        "/v1/keys",
        content=b'{"name": "ci", "scopes": ["read"]}',
        headers={"Content-Type": declared} if declared else {},
    )
    assert answer.status_code == 201, answer.text


async def test_requests_share_a_connection_after_an_upload(site: Site) -> None:
    reader, writer = await site.connect()
    for number in range(3):
        writer.write(
            f"POST /v1/assets?filename={number}.txt HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 100\r\n\r\n".encode()
            + a_text(100)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201")
        assert b"connection: close" not in head
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()
