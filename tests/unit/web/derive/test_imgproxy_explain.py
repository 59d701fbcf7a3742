"""`explain` says exactly why the signature of one of imgproxy's addresses fails."""

import base64
import hashlib
import hmac

import pytest

from mediakiln.model.errors import InvalidRequest
from mediakiln.web.derive.imgproxy.door import ImgproxyRules
from mediakiln.web.derive.imgproxy.explain import explain, signed
from mediakiln.web.derive.imgproxy.origins import Origins

PAIR = (bytes.fromhex("943b421c9eb07c83"), bytes.fromhex("520f986b998545b4"))
OTHER = (b"another key", b"another salt")
ID = "01a1ff0b-3449-7294-ad03-682a5a06032c"
PATH = f"/rs:fill:50:60/q:80/plain/{ID}@png"


def the_rules(*keys: tuple[bytes, bytes], size: int = 32) -> ImgproxyRules:
    return ImgproxyRules(
        keys=keys,
        signature_bytes=size,
        presets={"thumb": "w:9"},
        origins=Origins(None, (), max_bytes=0, project="default"),
    )


def digest(pair: tuple[bytes, bytes], message: str) -> bytes:
    return hmac.new(pair[0], pair[1] + message.encode(), hashlib.sha256).digest()


def made(message: str, pair: tuple[bytes, bytes] = PAIR, path: str = PATH, size: int = 32) -> str:
    code = base64.urlsafe_b64encode(digest(pair, message)[:size]).decode().rstrip("=")
    return f"/imgproxy/{code}{path}"


def test_a_right_address_is_told_with_what_it_means() -> None:
    address = signed(f"/imgproxy/_{PATH}", the_rules(PAIR))
    assert address == made(PATH)
    found = explain(f"https://img.example{address}?x=1", the_rules(OTHER, PAIR))
    assert found.works
    assert found.lines == [
        "signature: right",
        f"asset: {ID}",
        "resizing: fill",
        "width: 50",
        "height: 60",
        "quality: 80",
        "format: png",
    ]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (made(PATH, OTHER), "key or salt was another, or the path was altered"),
        (made(PATH, (PAIR[0], b"")), "the SALT is missing"),
        (made(PATH, (b"943b421c9eb07c83", b"520f986b998545b4")), "taken as text"),
        (made(PATH, size=10), "it has 10 bytes; here signatures have 32"),
        (made(PATH).replace(made(PATH).split("/")[2][20:], ""), "cut: 20 of 43 characters"),
        (made(PATH[1:]), "the leading slash belongs"),
        (made(f"/imgproxy{PATH}"), "/imgproxy/ does not belong"),
        (made(PATH.removesuffix("@png")), "the extension was added after"),
        (made(f"{PATH}?x=1") + "?x=1", "the query was signed too"),
        (
            "https://img.example" + made(f"https://img.example{PATH}"),
            "the whole address was signed",
        ),
        (made(PATH, path=PATH.replace("@png", "%40png")), "percent-encoded after"),
        (
            made("/w:5/plain/local:///a b.jpg", path="/w:5/plain/local:///a%20b.jpg"),
            "encoded after",
        ),
        (f"/imgproxy/{digest(PAIR, PATH).hex()}{PATH}", "hexadecimal"),
        (f"/imgproxy/{made(PATH).split('/')[2]}%3D{PATH}", "without padding"),
        (f"/imgproxy/a%2Bb{PATH}", "plain base64"),
        (f"/imgproxy/abc{PATH}", "not base64url of 8 to 32 bytes"),
        (f"/imgproxy/_{PATH}", "MISSING"),
        (made("/exp:1700000000" + PATH, path="/exp:1700000000" + PATH), "EXPIRED"),
        (made("/qualty:1" + PATH, path="/qualty:1" + PATH), "did you mean quality?"),
        (made(PATH + "x", path=PATH + "x"), "options: WRONG: there is no format"),
        ("/imgproxy/abc", "address: WRONG"),
    ],
)
def test_what_is_wrong_is_told(address: str, reason: str) -> None:
    found = explain(address, the_rules(PAIR))
    assert not found.works
    assert reason in "\n".join(found.lines)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (OTHER, "KEY and SALT are WRONG: it was made with those given"),
        ((PAIR[0], OTHER[1]), "the SALT is WRONG"),
        ((OTHER[0], PAIR[1]), "the KEY is WRONG"),
        ((b"a third", b"one"), "altered after signing"),
    ],
)
def test_with_the_key_it_was_made_with_what_is_wrong_is_told_exactly(
    pair: tuple[bytes, bytes], reason: str
) -> None:
    found = explain(made(PATH, pair), the_rules(PAIR), given=[OTHER])
    assert reason in "\n".join(found.lines)
    assert f"right would be {made(PATH)}" in "\n".join(found.lines)


@pytest.mark.parametrize(
    ("pair", "reason"), [((PAIR[0], b"x"), "the SALT is"), ((b"x", PAIR[1]), "the KEY is")]
)
def test_of_a_given_pair_the_wrong_one_is_named(pair: tuple[bytes, bytes], reason: str) -> None:
    found = explain(made(PATH, pair), the_rules(PAIR), given=[pair])
    assert found.lines[1] == f"  {reason} WRONG: it was made with those given"


def test_the_salt_of_another_key_is_told() -> None:
    third = (b"a third key", b"a third salt")
    found = explain(made(PATH, (PAIR[0], third[1])), the_rules(PAIR, third))
    assert "the SALT is that of another key" in "\n".join(found.lines)


def test_where_none_is_needed_its_absence_is_no_fault() -> None:
    for address in (f"/imgproxy/_{PATH}", f"/imgproxy/unsafe{PATH}"):
        assert explain(address, the_rules(), needed=False).works
        assert explain(address, the_rules(PAIR), local=True).works
        assert not explain(address, the_rules(PAIR)).works


def test_without_a_key_nothing_is_signed() -> None:
    assert "there is no key here" in "\n".join(explain(made(PATH), the_rules()).lines)
    with pytest.raises(InvalidRequest, match="no key"):
        signed(f"/imgproxy/_{PATH}", the_rules())
