"""The portal's answers, without a browser."""

import json
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState
from mediakiln.stages.ledger import Change
from mediakiln.web.auth import COOKIE
from support.site import Site, a_text

KEY = "mk_a-key-of-the-owner"
HTML = {"Accept": "text/html"}
SAME = {**HTML, "Sec-Fetch-Site": "same-origin"}
FOREIGN = {**HTML, "Sec-Fetch-Site": "cross-site"}
STRANGER = {**HTML, "Authorization": ""}

OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def locked(open_site: OpenSite) -> Site:
    """A site with a key, whose client sends none of its own."""
    site = await open_site(owner_key=KEY)
    del site.http.headers["Authorization"]
    return site


async def signed_in(site: Site) -> None:
    """Give the site's client a session of the owner."""
    answer = await site.http.post("/session", data={"key": KEY}, headers=HTML)
    assert answer.status_code == 303


async def test_every_page_forbids_foreign_programs_and_strings_as_markup(site: Site) -> None:
    answer = await site.http.get("/", headers=HTML)
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["trusted-types"] == "'none'"
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", answer.text)
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)


async def test_static_files_are_kept_for_ever_under_their_content(site: Site) -> None:
    page = await site.http.get("/", headers=HTML)
    addresses = re.findall(r'"(/static/[^"]+)"', page.text)
    assert len(addresses) >= 8
    for address in addresses:
        answer = await site.http.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    program = next(address for address in addresses if address.endswith(".js"))
    other = re.sub(r"/static/\w+/", "/static/0123456789abcdef/", program)
    assert (await site.http.get(other)).headers["Cache-Control"] == "no-cache"
    assert (await site.http.get("/static/0/js/none.js")).status_code == 404


async def test_every_module_that_is_imported_is_there(site: Site) -> None:
    page = await site.http.get("/", headers=HTML)
    [start] = re.findall(r'src="(/static/[^"]+/js/page\.js)"', page.text)
    waiting, seen = [start], set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = await site.http.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Content-Type"].startswith("text/javascript")
        found = [urljoin(address, name) for name in re.findall(r'from "([^"]+)"', answer.text)]
        waiting += [other for other in found if other not in seen]
    assert len(seen) >= 17


@pytest.mark.parametrize("path", ["/", "/assets/01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90", "/x"])
async def test_a_stranger_sees_the_way_in_and_nothing_else(locked: Site, path: str) -> None:
    answer = await locked.http.get(path, headers=HTML)
    assert answer.status_code == 401
    assert "mediakiln up" in answer.text
    assert "Recent files" not in answer.text


async def test_a_program_without_a_key_gets_a_problem_document(locked: Site) -> None:
    answer = await locked.http.get("/assets/events?ids=a")
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorised"


async def test_a_session_opens_the_page(locked: Site) -> None:
    await signed_in(locked)
    assert "Recent files" in (await locked.http.get("/", headers=SAME)).text


async def test_the_right_key_opens_a_session(locked: Site) -> None:
    answer = await locked.http.post("/session", data={"key": f" {KEY}\n"}, headers=HTML)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert COOKIE in answer.headers["Set-Cookie"]


async def test_signing_out_ends_the_session_for_whoever_has_its_cookie(locked: Site) -> None:
    await signed_in(locked)
    cookie = {**SAME, "Cookie": f"{COOKIE}={locked.http.cookies[COOKIE]}"}
    assert (await locked.http.get("/", headers=SAME)).status_code == 200
    assert (await locked.http.post("/signout", headers=SAME)).status_code == 303
    locked.http.cookies.clear()
    assert (await locked.http.get("/", headers=cookie)).status_code == 401


async def test_a_session_by_an_api_key_has_its_project_and_rights(locked: Site) -> None:
    access = locked.services.access
    await access.projects.create("other", by="owner")
    _, text = await access.keys.create("r", project="other", scopes=[Scope.READ], by="owner")
    mine = await locked.world.upload(project="other")
    foreign = await locked.world.upload()
    await locked.http.post("/session", data={"key": text}, headers=HTML)
    page = await locked.http.get("/", headers=SAME)
    assert mine.id in page.text
    assert foreign.id not in page.text
    assert (await locked.http.get(f"/assets/{foreign.id}", headers=SAME)).status_code == 404
    assert (await locked.http.post(f"/assets/{mine.id}/delete", headers=SAME)).status_code == 403
    events = await locked.http.get(f"/assets/events?ids={foreign.id}", headers=SAME)
    assert "gone" in events.text


async def test_a_wrong_key_is_said_to_be_wrong(locked: Site) -> None:
    answer = await locked.http.post("/session", data={"key": "ключ"}, headers=HTML)
    assert answer.status_code == 401
    assert "That is not the key" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("action", ["process", "delete"])
async def test_another_sites_form_changes_nothing(locked: Site, action: str) -> None:
    await signed_in(locked)
    asset = await locked.world.upload()
    path = f"/assets/{asset.id}/{action}"
    assert (await locked.http.post(path, headers=FOREIGN)).status_code == 403
    assert (await locked.world.asset(asset.id)).version == asset.version
    assert (await locked.http.post(path, headers=SAME)).status_code == 303
    assert (await locked.world.asset(asset.id)).version > asset.version


async def test_a_plain_form_uploads_and_leads_to_the_asset(site: Site) -> None:
    answer = await site.http.post(
        "/assets", data={"recipe": ""}, files={"file": ("a note.txt", a_text())}, headers=HTML
    )
    assert answer.status_code == 303
    page = await site.http.get(answer.headers["Location"], headers=HTML)
    assert "a note.txt" in page.text


async def test_a_refused_form_says_why_on_a_page(site: Site) -> None:
    answer = await site.http.post(
        "/assets", data={"recipe": "nonsense"}, files={"file": ("a.txt", a_text())}, headers=HTML
    )
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "unknown_recipe" in answer.text
    assert "document" in answer.text


async def test_an_address_with_nothing_behind_it_is_a_page_for_people(site: Site) -> None:
    assert "<h1>Not Found</h1>" in (await site.http.get("/nowhere", headers=HTML)).text
    assert (await site.http.get("/nowhere")).json()["status"] == 404
    assert (await site.http.get("/assets/nobody", headers=HTML)).status_code == 404


async def test_names_are_escaped_wherever_they_stand(site: Site) -> None:
    asset = await site.world.upload(name="<script>alert(1)<b>\"'.txt")
    for path in ("/", f"/assets/{asset.id}", f"/assets/{asset.id}/row"):
        page = (await site.http.get(path, headers=HTML)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;b&gt;" in page


async def test_the_list_is_filtered_and_paged(site: Site) -> None:
    names = [f"file {number:02}.txt" for number in range(23)]
    for name in names:
        await site.world.upload(name=name)
    first = (await site.http.get("/", headers=HTML)).text
    [older] = re.findall(r'href="(/\?cursor=[^"]+)" rel="next"', first)
    second = (await site.http.get(older.replace("&amp;", "&"), headers=HTML)).text
    shown = [re.findall(r"file \d\d\.txt", page) for page in (first, second)]
    assert sorted(shown[0] + shown[1]) == names
    assert len(shown[0]) == 20
    ready = (await site.http.get("/?state=ready", headers=HTML)).text
    assert "Nothing here" in ready
    assert (await site.http.get("/?state=odd", headers=HTML)).status_code == 400


async def test_a_search_finds_names_and_keeps_what_was_chosen(site: Site) -> None:
    for number in range(23):
        asset = await site.world.upload(name=f"holiday {number:02}.txt")
        await site.world.index.enter(asset)
    other = await site.world.upload(name="other.txt")
    first = (await site.http.get("/?q=holiday&state=received", headers=HTML)).text
    [more] = re.findall(r'href="(/\?state=received&amp;q=holiday&amp;cursor=[^"]+)" rel', first)
    second = (await site.http.get(more.replace("&amp;", "&"), headers=HTML)).text
    assert [len(re.findall(r'<li class="row"', page)) for page in (first, second)] == [20, 3]
    assert other.id not in first + second
    assert 'name="state" value="received"' in first
    assert 'href="/?state=received&amp;kind=image&amp;q=holiday"' in first
    assert "Nothing here" in (await site.http.get("/?q=nothing", headers=HTML)).text
    assert other.id in (await site.http.get("/?q=+", headers=HTML)).text


async def test_a_search_without_a_word_is_told_beside_its_box(site: Site) -> None:
    await site.world.upload()
    answer = await site.http.get('/?q="%3Cb%3E*', headers=HTML)
    assert answer.status_code == 400
    assert 'value="&#34;&lt;b&gt;*"' in answer.text
    assert "The beginning b* is too short." in answer.text
    assert (await site.http.get("/?q=a&cursor=!", headers=HTML)).status_code == 400


async def test_an_empty_kiln_teaches_one_line(site: Site) -> None:
    page = (await site.http.get("/", headers=HTML)).text
    assert f"curl -F file=@photo.jpg {site.url}/v1/assets" in page
    assert "nothing-yet" in page  # nor is there anything to search
    assert "nothing-yet" not in (await site.http.get("/?q=clay", headers=HTML)).text


async def test_what_a_run_waits_for_is_drawn_anew_once_it_is_worked_on(site: Site) -> None:
    asset = await site.world.upload(name="clay.txt")
    drawn: list[tuple[str, str]] = []
    for _ in range(2):
        page = (await site.http.get(f"/assets/{asset.id}/panel", headers=HTML)).text
        [(stamp, words)] = re.findall(
            r'data-key="waiting" data-stamp="(\w+)">.*">(.+)</span>', page
        )
        drawn.append((stamp, words))
        await site.world.ledger.change(asset.id, _works)
    assert drawn == [("received", "Waiting for the kiln"), ("processing", "In the kiln")]


def _works(asset: Asset) -> Change:
    return Change(asset.model_copy(update={"state": AssetState.PROCESSING}))


async def test_a_deleted_asset_is_gone_from_the_list(site: Site) -> None:
    asset = await site.world.upload(name="short-lived.txt")
    answer = await site.http.post(f"/assets/{asset.id}/delete", headers=HTML)
    page = await site.http.get(answer.headers["Location"], headers=HTML)
    assert "The file is deleted" in page.text
    assert "short-lived.txt" not in page.text
    assert (await site.http.get(f"/assets/{asset.id}", headers=HTML)).status_code == 410


async def test_a_recipe_is_checked_before_anything_is_sent(site: Site) -> None:
    good = json.dumps({"steps": {"text": {"op": "document.text"}}})
    answer = await site.http.post("/recipes/check", content=good)
    assert answer.json() == {"steps": ["text"]}
    bad = json.dumps({"steps": {"small": {"op": "image.resize", "widht": 1}}})
    problem = (await site.http.post("/recipes/check", content=bad)).json()
    assert (problem["step"], problem["field"]) == ("small", "widht")
    assert "width" in problem["allowed"]


async def test_a_form_too_large_to_be_one_is_refused(site: Site) -> None:
    assert (await site.http.post("/recipes/check", content=b" " * 70_000)).status_code == 413


async def test_the_feed_tells_of_every_watched_asset(site: Site) -> None:
    first, second = await site.world.upload(), await site.world.upload()
    absent = "01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90"
    ids = f"{first.id},{second.id},{absent}"
    told: list[tuple[str, str]] = []
    async with site.http.stream("GET", f"/assets/events?ids={ids}") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        name = ""
        async for line in answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            if field == "data":
                told.append((name, json.loads(value)["id"]))
            if len(told) == 3:
                await site.world.manage.delete(first.id)
                await site.world.manage.delete(second.id)
    assert told[0] == ("gone", absent)
    assert sorted(told[1:3]) == sorted([("asset", first.id), ("asset", second.id)])
    assert sorted(told[3:]) == sorted([("gone", first.id), ("gone", second.id)])


@pytest.mark.parametrize("ids", ["", ",".join(str(number) for number in range(101))])
async def test_the_feed_watches_one_to_a_hundred(site: Site, ids: str) -> None:
    assert (await site.http.get(f"/assets/events?ids={ids}")).status_code == 400
