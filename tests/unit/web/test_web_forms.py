"""Uploads as a form."""

import random
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from mediakiln.model.errors import IncompleteUpload, InvalidRequest, MediakilnError, TooLarge
from mediakiln.web.upload.form import MAX_FIELD_BYTES, Form
from support.site import Site, a_text

TYPE = "multipart/form-data; boundary=kiln"


def part(name: str, data: bytes | str, *, filename: str | None = None) -> bytes:
    raw = data if isinstance(data, bytes) else data.encode()
    told = f'; filename="{filename}"' if filename is not None else ""
    head = f'--kiln\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
    return head.encode() + raw + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--kiln--\r\n"


async def read(body: bytes, *cuts: int) -> tuple[dict[str, str], str | None, bytes]:
    """The form's fields, the file's name and its bytes, when the body arrives cut at `cuts`."""

    async def chunks() -> AsyncIterator[bytes]:
        edges = [0, *sorted(cuts), len(body)]
        for start, end in pairwise(edges):
            yield body[start:end]

    opened = Form(TYPE, chunks(), max_files=3, max_bytes=1_000_000)
    file = await opened.open()
    content = b"".join([chunk async for chunk in opened.content()])
    return opened.fields, file.filename, content


async def post(site: Site, body: bytes, query: str = "", kind: str = TYPE) -> Any:
    return await site.http.post(f"/v1/assets{query}", content=body, headers={"Content-Type": kind})


async def test_a_form_carries_recipe_uploader_and_tags_beside_the_file(site: Site) -> None:
    answer = await site.http.post(
        "/v1/assets",
        data={"recipe": "document", "uploader": "ada", "tags": "a,b"},
        files={"file": ("notes.txt", a_text(50_000), "text/plain")},
    )
    asset = answer.json()
    assert answer.status_code == 201
    assert (asset["name"], asset["bytes"], asset["uploader"]) == ("notes.txt", 50_000, "ada")
    assert (asset["tags"], asset["recipe"]["name"]) == (["a", "b"], "document")
    assert (await site.http.get(asset["url"])).content == a_text(50_000)


async def test_tags_may_be_given_more_than_once(site: Site) -> None:
    parts = [part("tags", "a"), part("file", a_text(50), filename="x.txt"), part("tags", "b, c")]
    in_form = (await post(site, form(*parts))).json()
    in_address = (
        await site.http.post("/v1/assets?filename=x.txt&tags=a&tags=b,c", content=a_text(50))
    ).json()
    assert in_form["tags"] == in_address["tags"] == ["a", "b", "c"]


async def test_fields_behind_the_file_count_as_well(site: Site) -> None:
    file = part("file", a_text(200_000), filename="late.txt")
    answer = await post(site, form(file, part("recipe", "document"), part("tags", "late")))
    asset = answer.json()
    assert answer.status_code == 201
    assert (asset["name"], asset["bytes"]) == ("late.txt", 200_000)
    assert (asset["recipe"]["name"], asset["tags"]) == ("document", ["late"])


async def test_a_form_may_be_cut_anywhere_and_hold_what_looks_like_its_boundary() -> None:
    tricky = b"\r\n--kil\r\n--kiln-\r\n--kilm--\r\n\r--kiln\r\n-" * 3
    body = form(part("tags", "a"), part("recipe", "image"), part("file", tricky, filename="x"))
    expected = ({"tags": "a", "recipe": "image"}, "x", tricky)
    assert await read(body, *range(1, len(body))) == expected
    dice = random.Random(7)  # noqa: S311 - no secret
    for _ in range(300):
        cuts = dice.sample(range(1, len(body)), dice.randrange(6))
        assert await read(body, *cuts) == expected


@pytest.mark.parametrize(
    ("parts", "error", "says"),
    [
        ([part("file", "x", filename="a"), part("shoe", "1")], InvalidRequest, "unknown field"),
        ([part("shoe", "42"), part("file", "x", filename="a")], InvalidRequest, "unknown field"),
        ([part("uploader", "a"), part("uploader", "b")], InvalidRequest, "twice"),
        ([part("tags", "a")], InvalidRequest, "no file"),
        ([part("tags", "a" * (MAX_FIELD_BYTES + 1))], TooLarge, "65536"),
        ([part("tags", "a")] * 21, TooLarge, "more than 20 fields"),
        ([part("recipe", "a" * 40_000), part("tags", "a" * 40_000)], TooLarge, "65536"),
        ([part("file", "x", filename="a" * 5000)], InvalidRequest, "cannot be read"),
        ([b"--kiln\r\nX-Odd: 1\r\n\r\nabc\r\n"], InvalidRequest, "no name"),
        ([part("uploader", b"\xff\xfe")], InvalidRequest, "UTF-8"),
    ],
)
async def test_a_form_that_cannot_be_taken_says_why(
    parts: list[bytes], error: type[MediakilnError], says: str
) -> None:
    with pytest.raises(error, match=says):
        await read(form(*parts))


async def test_a_form_with_thousands_of_parts_is_given_up_early() -> None:
    with pytest.raises(MediakilnError):
        await read(form(*[part(f"f{number}", "x") for number in range(10_000)]))


async def test_a_form_that_ends_in_the_middle_is_incomplete() -> None:
    body = form(part("tags", "a"), part("file", a_text(1000), filename="a.txt"))
    for end in (5, 60, 150, 600, len(body) - 5):
        with pytest.raises((IncompleteUpload, InvalidRequest)):
            await read(body[:end])


@pytest.mark.parametrize(
    "body",
    [
        form(part("file", a_text(200_000), filename="a.txt"), part("recipe", "nix")),
        part("file", a_text(200_000), filename="a.txt"),
        form(part("file", a_text(), filename="../../etc/passwd")),
        form(part("file", b"", filename="a.txt")),
        form(part("file", a_text())),
        form(part("recipe", "nix"), part("file", a_text(), filename="a.txt")),
    ],
    ids=["no such recipe after", "no end", "dots", "empty", "no name", "no such recipe"],
)
async def test_a_refused_form_leaves_nothing(site: Site, body: bytes) -> None:
    answer = await post(site, body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]
    assert await site.kept() == 0


async def test_a_form_without_a_usable_boundary_is_refused(site: Site) -> None:
    for kind in ("multipart/form-data", f"multipart/form-data; boundary={'b' * 71}"):
        answer = await post(site, form(part("file", "x", filename="a")), kind=kind)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_an_address_may_name_a_file_the_form_does_not(site: Site) -> None:
    answer = await post(site, form(part("file", a_text())), "?filename=named.txt")
    assert answer.json()["name"] == "named.txt"


@pytest.mark.parametrize(
    ("sent", "name"), [("C:\\Users\\ada\\Größe.txt", "Größe.txt"), ("☃.txt", "☃.txt")]
)
async def test_a_browsers_name_is_read_as_utf8_without_its_folders(
    site: Site, sent: str, name: str
) -> None:
    answer = await post(site, form(part("file", a_text(), filename=sent)))
    assert answer.json()["name"] == name


async def test_a_form_too_large_for_any_file_is_refused_early(site: Site) -> None:
    reader, writer = await site.connect()
    writer.write(
        b"POST /v1/assets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
        b"Content-Type: multipart/form-data; boundary=kiln\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"10000000" in answer
    writer.close()
