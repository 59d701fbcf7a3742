"""Addresses as the libraries make them that applications have for imgproxy.

Of `@imgproxy/imgproxy-node` 1.1, npm's `imgproxy` 1.4, `@nuxt/image` 2.1 and PyPI's `imgproxy` 1.0,
with the key and salt of imgproxy's own documentation. imgproxy 4 answers each of them.
"""

from typing import Any

import pytest

from mediakiln.model.errors import InvalidRequest
from mediakiln.web.derive.imgproxy.address import split
from mediakiln.web.derive.imgproxy.door import ImgproxyRules, verifies
from mediakiln.web.derive.imgproxy.options import Crop, Extend, Mark, Trim
from mediakiln.web.derive.imgproxy.origins import Origins
from mediakiln.web.derive.imgproxy.parsing import parsed
from mediakiln.web.derive.imgproxy.words import Gravity

KEY = "943b421c9eb07c830af81030552c86009268de4e532ba2ee2eab8247c6da0881"
SALT = "520f986b998545b4785e0defbc4f3c1203f22de2374a3d53cb7a7fe9fea309c5"
RULES = ImgproxyRules(
    keys=[(bytes.fromhex(KEY), bytes.fromhex(SALT))],
    origins=Origins(None, [], max_bytes=1, project="default"),
)
PRESETS = {"thumb": "rs:fill:200:200/g:sm"}
CODE = "bG9jYWw6Ly8vYS5qcGc"
"""local:///a.jpg"""
NODE = {
    f"9tTfNxxr_RsuBX_V3QbqY49z0axiGn3_AeTMyujHFa8/rs:fill:300:200:t:t:no/{CODE}": {
        "resizing": "fill",
        "enlarge": True,
        "extend": Extend(Gravity("north")),
    },
    f"eGaevcqq5dkOwTi01l6V2QVnbc1BxXu6eylPdSHVikQ/s:700:150:t:t:fp:0.2:0.3/{CODE}": {
        "extend": Extend(Gravity(x=0.2, y=0.3, focal=True)),
    },
    f"q2YoeyT5xR6FOBYrNUUGHDxnjWvNxAkaf00Njk8TWkc/w:100/z:2:3/{CODE}": {"zoom": (2, 3)},
    f"xg4K3R2uAOcmKwFFSinRwOH7S2X8JjIeOi8Fr-9mgbc/c:100:100:soea:5:6/{CODE}": {
        "crop": Crop(100, 100, Gravity("south-east", 5, 6)),
    },
    f"NBzQlD5_64g22qXOpH6-OBuc00VCkbHCS9ydGBRWkrE/t:10:ffffff:t:t/{CODE}": {
        "trim": Trim(10, "#ffffff", equal_horizontal=True, equal_vertical=True),
    },
    f"krBV5X0RdjvRzidArXm4Qz4hPPNBwtIe7QF3Serkdfo/bg:ff0000/pd:1:2:3:4/{CODE}": {
        "padding": (1, 2, 3, 4),
    },
    f"LpP9ORf9p8gQnge620fSjv4zRfa-Po8Bxlv5poHuawk/wm:0.5::-5:0.1/{CODE}": {
        "mark": Mark(0.5, x=-5, y=0.1),
    },
    f"cCjhTPe-raePQh5YjTlF3Xi2a8JL03GXnvG1zBs4sKw/fq:jpg:70:webp:50/{CODE}": {
        "qualities": {"jpeg": 70, "webp": 50},
    },
    f"AwgBbU0JUmWq1_Q8rvqE9drJaKJ9xWvmqGkjA8e1qG4/fn:aGVsbG8:t/{CODE}": {"filename": "hello"},
}
OTHERS = {
    f"HsLfMTH0H6QHPQb8kURsmjpc18DTXFbkoWjYKcXjC5M/rs:fit:3000:200:1/{CODE}": {"enlarge": True},
    f"SwzRL6BJ9BfLiFJuw2Yxy3kD54bgHh01xNFMYs80xfY/w:100/{CODE}.png": {"width": 100},
    "VkfKiZE3DXGExaiDCLo194iRz01GkhBEr4g9wUszQzg/w:100/plain/local:///a.jpg@png": {"width": 100},
    f"HUEoCU08xfyrOrKJ9Ar5ufJC3V6g3ZK8L1zWeMm-4B8/w:300/h:200/rt:fit/ex:1/{CODE}": {
        "extend": Extend(),
    },
    f"nLSUO7VWspGgnAQkP8qHneodysUVxh43n1Bio4jl_AE/sm:1/kcr:0/scp:1/{CODE}": {
        "keep_copyright": False,
    },
    f"noHkmwWXSJvDzoFAM0athT5EdIezLu8FywlgjUWkZ1g/g:ce/rs:auto:800:400:0/{CODE}": {
        "resizing": "auto",
        "height": 400,
    },
    f"Ic0bxR3664zRSEDiFLfh12t69Hj_qiggDtrQGhQxJPE/g:fp:0.1:0.2/rs:fill:80:50:0/{CODE}": {
        "gravity": Gravity(x=0.1, y=0.2, focal=True),
    },
    f"nTLqshC9AY4h88FU4mGtvmbb2lICLOToYpAu6degqtg/sh:0.5/pr:thumb/g:ce/rs:auto:50:0:0/{CODE}": {
        "sharpen": 0.5,
        "width": 50,
        "height": 0,
    },
}


@pytest.mark.parametrize(("path", "expected"), (NODE | OTHERS).items())
def test_addresses_of_clients_are_understood(path: str, expected: dict[str, Any]) -> None:
    address = split(f"/imgproxy/{path}")
    assert verifies(address.signature, address.signed, RULES)
    assert address.source == "local:///a.jpg"
    found = parsed(address.options, PRESETS)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("written", "arrived"),
    [
        (
            "/rs:fill:8:9/w:5/plain/local:///a.jpg@png",
            "/rs%3Afill%3A8%3A9/w%3A5/plain/local:/a.jpg@png",
        ),
        ("/w:5/plain/https://a.example/b:/c.jpg", "/w:5/plain/https:/a.example/b:/c.jpg"),
        ("/plain/asset://01a1", "//plain/asset:/01a1"),
        (f"/w:5/{CODE}.png", f"/w%3A5/{CODE}.png"),
        ("/w:5/plain/local:///a%3Ab.jpg", "/w:5/plain/local:///a%3Ab.jpg"),
    ],
)
def test_what_proxies_do_to_addresses_is_undone_before_the_signature_is_looked_at(
    written: str, arrived: str
) -> None:
    assert split(f"/imgproxy/_{arrived}") == split(f"/imgproxy/_{written}")
    assert split(f"/imgproxy/_{arrived}").signed == written


def test_an_encrypted_source_is_refused_by_that_name() -> None:
    with pytest.raises(InvalidRequest, match="encrypted"):
        split("/imgproxy/_/w:100/enc/Px_S7kvZw7Wjo-Pzo_Pj8yTwd1nGlkF9WCqz0aMYcM8")


@pytest.mark.parametrize(
    ("option", "allowed", "hint"),
    [
        ("w:abc", ["a whole number from 0 to 1000000"], None),
        ("mb:-1", ["a whole number from 0 to 1073741824"], None),
        ("rs:fit-down:1:1", None, "did you mean fill-down?"),
        ("qualty:80", None, "did you mean quality?"),
    ],
)
def test_what_is_wrong_is_told_in_words(
    option: str, allowed: list[str] | None, hint: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed([option], {})
    assert allowed in (None, refused.value.context["allowed"])
    assert refused.value.context["hint"] == hint
