"""Addresses and requests that mean harm: what they may not learn, spoil or cost."""

import base64
import time
from collections.abc import Awaitable, Callable

import pytest
from pydantic import BaseModel

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable, Gone, InvalidRequest
from mediakiln.model.signature import sign_iiif, sign_native
from mediakiln.operations.image.edit.table import EDITS
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.web.auth import COOKIE
from mediakiln.web.derive.imgproxy.address import split
from mediakiln.web.derive.native.grammar import MAX_OPTIONS, Grammar
from mediakiln.web.derive.native.values import _MOST_NAME, names_of
from support.gallery import OWNER, Gallery
from support.images import KEY, the_rules

ID = "01a1ff1b-da87-773f-a198-3bf33ecd3325"
LONG = 60_000
"""Characters: about as long as the server lets an address be."""
QUICK_S = 0.1
"""Processor time; what grows with the square of an address's length takes many times this."""

OpenGallery = Callable[..., Awaitable[Gallery]]


def cost(refused: Callable[[], object]) -> float:
    """Processor seconds until an address is refused, the best of three."""
    found = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(InvalidRequest):
            refused()
        found.append(time.process_time() - began)
    return min(found)


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(the_rules())


SPELLINGS = (
    "/i/{}//w_40/",
    "/i/{}/w%5F40/",
    "/i/{}/W_40/",
    "/i/{}/w_40%2F/",
    "/i/{}/w_40,/",
    "/i//{}/w_40/",
    "/i/s%5F{}/w_40/",
    "/%69/{}/w_40/",
)


async def test_no_other_spelling_of_an_address_has_its_signature(gallery: Gallery) -> None:
    right = gallery.address("w_40")
    signature, http = right.split("/")[2], gallery.site.http
    assert (await http.get(right)).status_code == 200
    forged = [each.format(signature) + gallery.asset.id for each in SPELLINGS]
    forged += [right + ending for ending in ("/", ";x=1", ".jpg", "%20")]
    for path in forged:
        assert (path, (await http.get(path)).status_code) == (path, 403)
    assert len(gallery.painter.tasks) == 1


async def test_a_signature_opens_addresses_of_its_own_grammar_alone(gallery: Gallery) -> None:
    id = gallery.asset.id
    native, iiif = sign_native(f"/i/{id}", KEY), sign_iiif(id, KEY)
    of_native, of_iiif = native.split("/")[2].removeprefix("s_"), iiif.partition("~")[2]
    for address in (
        f"/iiif/{id}~{of_native}/info.json",
        f"/i/s_{of_iiif}/{id}",
        f"/i/s_/{id}",
        f"/i/s_{of_native[:11]}/{id}",
        f"/i/s_{of_native}A/{id}",
        f"/i/s_{of_native}=/{id}",
        f"/i/s_{of_native}/s_{of_native}/{id}",
        sign_native(f"/i/{id}", b""),
    ):
        answer = await gallery.site.http.get(address)
        assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid")


@pytest.mark.parametrize(
    "options",
    ["_" * LONG, "w_" + "a_" * (LONG // 2), "w_1," * (LONG // 4), "/" * LONG, "," * LONG],
)
def test_a_long_address_costs_no_more_than_its_length(grammar: Grammar, options: str) -> None:
    assert cost(lambda: grammar.parse(f"/i/{options}/{ID}", {})) < QUICK_S


def test_an_address_has_so_many_options_at_most(grammar: Grammar) -> None:
    grammar.parse(f"/i/{'w_1,' * (MAX_OPTIONS - 3)}/{ID}", {})
    with pytest.raises(InvalidRequest, match="too many options") as refused:
        grammar.parse(f"/i/{'w_1,' * MAX_OPTIONS}/{ID}", {})
    assert refused.value.context["limit"] == MAX_OPTIONS


def test_every_option_s_name_is_short_enough_to_be_found() -> None:
    models: list[type[BaseModel]] = [Encoding, *(edit.params for edit in EDITS.values())]
    assert max(len(name) for model in models for name in names_of(model)) <= _MOST_NAME


@pytest.mark.parametrize("options", [":/" * (LONG // 2), "a:b/" * (LONG // 4)])
def test_a_long_imgproxy_address_costs_no_more_than_its_length(options: str) -> None:
    assert cost(lambda: split(f"/imgproxy/x/{options}plain/x")) < QUICK_S


def test_imgproxy_s_source_may_be_cut_by_as_many_slashes_as_it_likes() -> None:
    source = "https://images.example/a"
    code = base64.urlsafe_b64encode(source.encode()).decode().rstrip("=")
    options = "/".join(["w:1"] * 64)
    found = split(f"/imgproxy/x/{options}/{'/'.join(code)}.png")
    assert (found.source, found.extension, len(found.options)) == (source, "png", 64)
    assert split(f"/imgproxy/x/{options}/plain/{source}@png").source == source


def test_json_that_is_nested_without_end_is_refused(grammar: Grammar) -> None:
    nested = base64.urlsafe_b64encode(b"[" * 40_000).decode()
    with pytest.raises(InvalidRequest) as refused:
        grammar.parse(f"/i/redact,places_~{nested}/{ID}", {})
    assert refused.value.context["field"] == "places"


@pytest.mark.parametrize("moment", ["1e300", "1893456000000", "0", "-5", "inf", "nan"])
def test_a_time_that_nobody_lives_to_see_is_refused(grammar: Grammar, moment: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        grammar.parse(f"/i/exp_{moment}/{ID}", {})
    assert refused.value.context["field"] == "exp"


def test_no_hint_asks_for_more_than_any_screen_has(grammar: Grammar) -> None:
    for option, header, parameter, most in (
        ("w_10,dpr_auto", "sec-ch-dpr", "dpr", 4),
        ("w_auto", "sec-ch-width", "width", 4000),
    ):
        for said in ("1e9", "100000"):
            (step,) = grammar.parse(f"/i/{option}/{ID}", {header: said}).transform.steps
            assert step[parameter] == most


def test_of_several_times_the_earliest_counts(grammar: Grammar) -> None:
    for options in ("exp_1893456000/exp_1999999999", "exp_1999999999,exp_1893456000"):
        assert grammar.parse(f"/i/{options}/{ID}", {}).expires == 1893456000


async def test_who_sends_a_header_twice_spoils_nobody_s_answer(gallery: Gallery) -> None:
    address = gallery.address("w_40,f_auto")
    twice = [("Accept", "text/html"), ("Accept", "image/avif")]
    modern = await gallery.site.http.get(address, headers=twice)
    assert modern.headers["content-type"] == "image/avif"
    plain = await gallery.site.http.get(address, headers={"Accept": "text/html"})
    assert plain.headers["content-type"] == "image/jpeg"


async def test_who_calls_us_by_another_name_spoils_nobody_s_links(gallery: Gallery) -> None:
    address = f"{sign_iiif(gallery.asset.id, KEY)}/full/40,/0/default.jpg"
    evil = await gallery.site.http.get(address, headers={"Host": "evil.example"})
    assert "//evil.example/" in evil.headers["link"]
    ours = await gallery.site.http.get(address)
    assert "evil.example" not in ours.headers["link"]
    assert len(gallery.painter.tasks) == 2, "its size, and the image"


async def test_pages_and_proxies_are_not_this_machine(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(local=True)
    for headers, status in (
        ({}, 200),
        ({"Host": "localhost:8420"}, 200),
        ({"Host": "[::1]:8420"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "203.0.113.7"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "a:b:c"}, 403),
        ({"X-Real-IP": "203.0.113.7"}, 403),
        ({"Forwarded": "for=203.0.113.7"}, 403),
        ({"Via": "1.1 proxy"}, 403),
    ):
        answer = await gallery.site.http.get(f"/i/raw/{gallery.asset.id}", headers=headers)
        assert (headers, answer.status_code) == (headers, status)


async def test_no_old_answer_is_given_once_a_purge_or_a_deletion_was_answered(
    gallery: Gallery,
) -> None:
    http, owner = gallery.site.http, {"Authorization": f"Bearer {OWNER}"}
    asset = f"/v1/assets/{gallery.asset.id}"
    for _ in range(2):
        assert (await gallery.get()).status_code == 200
    assert len(gallery.painter.tasks) == 1
    assert (await http.post(f"{asset}/purge", headers=owner)).status_code == 200
    for _ in range(2):
        assert (await gallery.get()).status_code == 200
    assert len(gallery.painter.tasks) == 2
    assert (await http.delete(asset, headers=owner)).status_code == 202
    assert (await gallery.get()).status_code == 410


async def test_what_was_looked_up_before_a_change_is_not_remembered_after_it(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, world = gallery.asset.id, gallery.site.world
    deliver, looked_up = gallery.site.services.deliver, world.catalog.get

    async def slow(asked: str) -> Asset | None:
        monkeypatch.undo()
        found = await looked_up(asked)
        await world.manage.delete(id)
        deliver.forget(id)
        return found

    monkeypatch.setattr(world.catalog, "get", slow)
    await deliver.asset(id, fresh=False)
    with pytest.raises(Gone):
        await deliver.asset(id, fresh=False)


async def test_who_may_read_may_not_purge_nor_one_of_another_project(gallery: Gallery) -> None:
    access, http = gallery.site.services.access, gallery.site.http
    await access.projects.create("other", by="owner")
    assert (await gallery.get()).status_code == 200
    for scope, project, status in (
        (Scope.READ, "default", 403),
        (Scope.PROCESS, "other", 404),
        (Scope.PROCESS, "default", 200),
    ):
        _, key = await access.keys.create("k", project=project, scopes=[scope], by="owner")
        answer = await http.post(
            f"/v1/assets/{gallery.asset.id}/purge", headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == status
        again = await gallery.get()
        assert again.status_code == 200
        assert len(gallery.painter.tasks) == (2 if status == 200 else 1)


async def test_a_session_opens_what_a_key_does(gallery: Gallery) -> None:
    http, path = gallery.site.http, f"/i/w_40/{gallery.asset.id}"
    session = await gallery.site.services.access.signin.open("owner")
    for secret, status in ((session, 200), ("wrong", 401)):
        answer = await http.get(path, headers={"Cookie": f"{COOKIE}={secret}"})
        assert answer.status_code == status
        assert not answer.headers["cache-control"].startswith("public")


async def test_nobody_is_told_where_an_engine_is_that_does_not_answer(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    gallery.painter.error = EngineUnavailable("no answer of http://10.0.0.7:9000", bucket="acme")
    for address in (gallery.address(), f"{sign_iiif(gallery.asset.id, KEY)}/info.json"):
        answer = await gallery.site.http.get(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "engine_unavailable")
        assert "10.0.0.7" not in answer.text
        assert "acme" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert int(answer.headers["retry-after"]) > 0
        assert "10.0.0.7" in caplog.text
        caplog.clear()
