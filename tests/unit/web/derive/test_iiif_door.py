"""IIIF over HTTP."""

import json
from typing import Any

import pytest

from mediakiln.model.signature import sign_iiif
from support.gallery import OWNER, Gallery
from support.images import KEY

LINKED = 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'


def service(gallery: Gallery) -> str:
    return sign_iiif(gallery.asset.id, KEY)


async def asked(gallery: Gallery, words: str, **headers: str) -> Any:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gallery.site.http.get(f"{service(gallery)}/{words}", headers=told)


async def test_the_service_leads_to_its_information(gallery: Gallery) -> None:
    http = gallery.site.http
    answer = await http.get(service(gallery), follow_redirects=False)
    assert answer.status_code == 303
    there = answer.headers["location"]
    assert there.endswith(f"{service(gallery)}/info.json")
    told = (await http.get(there)).json()
    assert told["id"] == there.removesuffix("/info.json")
    assert (told["width"], told["height"], told["profile"]) == (96, 64, "level2")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/json, application/ld+json;q=0.9", "application/json"),
        ("application/json, application/ld+json;q=0", "application/json"),
        ("application/ld+json", LINKED),
        ("application/ld+json;profile=x, application/json;q=0.9", LINKED),
        ("", LINKED),
    ],
)
async def test_information_comes_as_it_is_asked_for(
    gallery: Gallery, accept: str, expected: str
) -> None:
    answer = await asked(gallery, "info.json", accept=accept)
    assert answer.headers["content-type"] == expected
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Accept" in answer.headers["vary"]


async def test_an_image_comes_with_its_canonical_link(gallery: Gallery) -> None:
    answer = await asked(gallery, "full/48,/0/default.jpg", origin="https://viewer.example")
    assert answer.status_code == 200
    assert "Link" in answer.headers["access-control-expose-headers"]
    assert json.loads(answer.content)["steps"][0]["width"] == 48
    assert answer.headers["access-control-allow-origin"] == "*"
    base = f"{gallery.site.http.base_url}".rstrip("/")
    links = answer.headers["link"].split(",<")
    assert links[0] == f'<{base}{service(gallery)}/full/48,32/0/default.jpg>;rel="canonical"'
    again = await asked(gallery, "full/48,/0/default.jpg", if_none_match=answer.headers["etag"])
    assert again.status_code == 304


async def test_a_cache_purges_information_by_the_same_names_as_images(gallery: Gallery) -> None:
    for words in ("info.json", "full/48,/0/default.jpg"):
        headers = (await asked(gallery, words)).headers
        assert headers["surrogate-key"] == f"asset-{gallery.asset.id} project-default"
        assert headers["cache-tag"] == f"asset-{gallery.asset.id},project-default"


async def test_information_that_a_viewer_has_is_not_sent_again(gallery: Gallery) -> None:
    plain = await asked(gallery, "info.json", accept="application/json")
    linked = await asked(gallery, "info.json", accept="application/ld+json")
    etag = plain.headers["etag"]
    assert linked.headers["etag"] != etag
    again = await asked(
        gallery, "info.json", accept="application/json", if_none_match=f'"x", W/{etag}'
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert again.headers["access-control-allow-origin"] == "*"
    other = await asked(gallery, "info.json", accept="application/json", if_none_match='"x"')
    assert other.status_code == 200


async def test_what_the_api_does_not_allow_is_a_bad_request_for_any_origin(
    gallery: Gallery,
) -> None:
    for words, field in (("full/500,/0/default.jpg", "size"), ("a/max/0/default.jpg", "region")):
        answer = await asked(gallery, words)
        assert (answer.status_code, answer.json()["field"]) == (400, field)
        assert answer.headers["access-control-allow-origin"] == "*"
    assert (await asked(gallery, "full/max/0")).status_code == 400


async def test_an_address_has_one_spelling_however_much_of_it_is_encoded(gallery: Gallery) -> None:
    http, plain = gallery.site.http, service(gallery)
    encoded = plain.replace("-", "%2D").replace("~", "%7E")
    told = (await http.get(f"{encoded}/info.json")).json()
    assert told["id"].endswith(plain)
    image = await http.get(f"{encoded}/full/max/0/default.jpg")
    assert f"{plain}/full/max/0/default.jpg>" in image.headers["link"]


async def test_a_slash_that_is_not_encoded_leads_nowhere(gallery: Gallery) -> None:
    headers = {"Authorization": f"Bearer {OWNER}"}
    answer = await gallery.site.http.get("/iiif/a/b/full/max/0/default.jpg", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_other_methods_are_refused_so_that_scripts_can_read_it(gallery: Gallery) -> None:
    answer = await gallery.site.http.post(f"{service(gallery)}/info.json")
    assert answer.status_code == 405
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_browsers_may_ask_from_anywhere(gallery: Gallery) -> None:
    answer = await gallery.site.http.options(f"{service(gallery)}/info.json")
    assert answer.status_code == 204
    assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_one_signature_is_good_for_one_asset_alone(gallery: Gallery) -> None:
    http, id = gallery.site.http, gallery.asset.id
    forged = f"/iiif/{id}~{sign_iiif('other', KEY).rpartition('~')[2]}"
    answer = await http.get(f"{forged}/info.json")
    assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid")
    with_key = {"Authorization": f"Bearer {OWNER}"}
    assert (await http.get(f"/iiif/{id}/info.json", headers=with_key)).status_code == 200
    unsigned = await http.get(f"/iiif/{id}/info.json")
    assert (unsigned.status_code, unsigned.json()["code"]) == (403, "signature_missing")


async def test_an_unknown_asset_is_not_found(gallery: Gallery) -> None:
    missing = sign_iiif("01a1ff0b-3449-7294-ad03-682a5a06032c", KEY)
    assert (await gallery.site.http.get(f"{missing}/info.json")).status_code == 404
