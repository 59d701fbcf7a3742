"""Assets are listed by the words in them."""

import pytest

from mediakiln.model.asset import Asset
from mediakiln.stages.ledger import Change
from support.site import Site, publish


async def _labelled(site: Site, name: str) -> str:
    """An asset in which a label was seen."""
    uploaded = await site.world.upload()
    await publish(site.world, uploaded.id, "seen", {"labels.txt": b"{}"})

    def apply(asset: Asset) -> Change:
        step = asset.published["seen"]
        (file,) = step.files or ()
        told = file.model_copy(update={"metadata": {"labels": [{"name": name}]}})
        seen = step.model_copy(update={"op": "image.labels", "files": (told,)})
        return Change(asset.model_copy(update={"published": {"seen": seen}}))

    await site.world.index.index(await site.world.ledger.change(uploaded.id, apply))
    return uploaded.id


async def test_assets_are_listed_by_words_and_narrowed_as_any_list(site: Site) -> None:
    cat, other = await _labelled(site, "Tabby cat"), await _labelled(site, "cat flap")
    for query, expected in (
        ("q=cat", [other, cat]),
        ("q=tab*%20cat", [cat]),
        ("q=cat&state=failed", []),
        ("q=cat&limit=1", [other]),
    ):
        page = (await site.http.get(f"/v1/assets?{query}")).json()
        assert [asset["id"] for asset in page["assets"]] == expected, query
    last = (await site.http.get(f"/v1/assets?q=cat&cursor={page['cursor']}")).json()
    assert ([asset["id"] for asset in last["assets"]], last["cursor"]) == ([cat], None)


async def test_an_upload_is_found_by_its_name_at_once(site: Site) -> None:
    uploaded = await site.world.upload(name="Summer holiday.txt", tags=("Köln",))
    (received,) = await site.world.messages("received", "classify")
    await site.world.classify(received)
    for query in ("q=holiday+koln", "q=HOLI*&state=processing", "q=txt+summer&kind=document"):
        page = (await site.http.get(f"/v1/assets?{query}")).json()
        assert [asset["id"] for asset in page["assets"]] == [uploaded.id], query
    await site.http.delete(f"/v1/assets/{uploaded.id}")
    assert (await site.http.get("/v1/assets?q=holiday")).json()["assets"] == []


@pytest.mark.parametrize("query", ["q=", "q=a*", "q=cat&cursor=!"])
async def test_what_is_no_search_is_told_as_a_problem(site: Site, query: str) -> None:
    answer = await site.http.get(f"/v1/assets?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("q", "limit", "value"),
    [
        ("", 1, 0),
        ("*", 1, 0),
        ("?!", 1, 0),
        ("+".join(f"w{n}" for n in range(100)), 16, 100),
        ("x" * 501, 500, 501),
    ],
)
async def test_a_refused_search_names_its_limit(site: Site, q: str, limit: int, value: int) -> None:
    answer = await site.http.get(f"/v1/assets?q={q}")
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (400, "invalid_request", "q")
    assert (told["limit"], told["value"]) == (limit, value)
