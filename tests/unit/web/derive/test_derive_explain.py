"""`explain` says exactly why a signature fails."""

import hashlib
import hmac

import pytest

from mediakiln.model.signature import mac, sign_iiif, sign_native
from mediakiln.web.derive.native.explain import explain
from support.images import KEY, the_rules

ID = "01a1ff0b-3449-7294-ad03-682a5a06032c"
BARE = f"/i/w_400,q_80/{ID}.jpg"


def told(address: str, **rules: object) -> str:
    found = explain(address, the_rules(**rules))
    assert not found.works
    return "\n".join(found.lines)


def signed_over(message: str, path: str = BARE, **options: int) -> str:
    return f"/i/s_{mac(KEY, message.encode(), **options)}/{path.removeprefix('/i/')}"


def test_a_right_address_is_told_with_what_it_means() -> None:
    found = explain(f"https://img.example.org{sign_native(BARE, KEY)}?utm=1", the_rules())
    said = "\n".join(found.lines)
    assert found.works
    assert "right, made with the first key" in said
    assert "image.resize: width 400" in said
    assert "quality 80" in said


def test_an_older_key_is_told() -> None:
    found = explain(sign_native(BARE, KEY), the_rules(keys=(b"a newer key", KEY)))
    assert found.works
    assert "key 2, which is an older one" in found.lines[0]


@pytest.mark.parametrize("rest", ["", "/info.json", "/full/max/0/default.jpg"])
def test_a_signature_of_an_iiif_service_is_right_for_all_of_it(rest: str) -> None:
    found = explain(f"https://img.example.org{sign_iiif(ID, KEY)}{rest}", the_rules())
    assert found.works
    assert found.lines == ["signature: right, made with the first key", f"asset: {ID}"]


def test_a_product_s_iiif_service_is_explained() -> None:
    found = explain(f"{sign_iiif(f'{ID}/web', KEY)}/info.json", the_rules())
    assert found.works
    assert found.lines[1] == f"asset: {ID}/web"
    wrong = explain(f"/iiif/{ID}%2Fweb/info.json", the_rules())
    assert f"{sign_iiif(f'{ID}/web', KEY)}/info.json" in "\n".join(wrong.lines)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (f"/iiif/{ID}/info.json", "signed it is /iiif/" + ID + "~"),
        (f"/iiif/{ID}~{mac(b'other', b'x')}/info.json", "made with another key"),
        (f"/iiif/{ID}~{mac(KEY, BARE.encode())[:-3]}==/info.json", "without padding"),
        (
            f"/iiif/{ID}~{mac(KEY, f'/iiif/{ID}/info.json'.encode())}/info.json",
            "only /iiif/ and the asset are signed",
        ),
        (f"{sign_iiif(ID, KEY)}/full/max", "parts: WRONG"),
        (f"{sign_iiif('cat', KEY)}/info.json", "no asset's id"),
    ],
)
def test_what_is_wrong_with_an_address_of_iiif_is_said(address: str, reason: str) -> None:
    assert reason in told(address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (BARE, "MISSING"),
        (signed_over(BARE.replace("400", "401")), "altered after it was signed"),
        (signed_over(BARE.removeprefix("/i/")), "/i/ belongs to what is signed"),
        (signed_over(f"/{BARE.removeprefix('/i/')}"), "only /… without /i is signed"),
        (signed_over(BARE.removesuffix(".jpg")), "extension was added after"),
        (signed_over(f"{BARE}?x=1") + "?x=1", "the query was signed too"),
        (signed_over(BARE, BARE.replace(",", "%2C")), "percent-encoded after it was signed"),
        (signed_over(BARE.replace(",", "%2C")), "decoded after it was signed"),
        (signed_over(BARE, size=11), "cut to 11 bytes; here signatures have 32"),
        (signed_over(BARE).replace(mac(KEY, BARE.encode())[14:], ""), "cut: 14 of 43 characters"),
        (signed_over(BARE).replace(mac(KEY, BARE.encode())[3:], ""), "cut: 3 of 43 characters"),
        (signed_over(BARE).replace(f"/w_400,q_80/{ID}", f"=/w_400,q_80/{ID}"), "ends with ="),
        (f"/i/s_%2B{'a' * 42}/w_1/{ID}", "plain base64"),
        (f"/i/s_abc/w_1/{ID}", "not base64url of 8 to 32 bytes"),
        (sign_native(f"/i/exp_1700000000/w_400/{ID}", KEY), "EXPIRED"),
        (sign_native(f"/i/w_0/{ID}", KEY), "options: WRONG: w:"),
        ("/other/x", "begin with /i/"),
    ],
)
def test_what_is_wrong_is_told(address: str, reason: str) -> None:
    assert reason in told(address)


def test_a_hexadecimal_signature_is_told() -> None:
    digest = hmac.new(KEY, BARE.encode(), hashlib.sha256).hexdigest()
    said = told(f"/i/s_{digest}/{BARE.removeprefix('/i/')}")
    assert "hexadecimal" in said


def test_with_the_key_it_was_made_with_the_wrong_one_is_told_from_an_altered_path() -> None:
    other = b"another key altogether"
    foreign = sign_native(BARE, other)
    found = explain(foreign, the_rules(), keys=[other])
    assert not found.works
    assert "the key is WRONG" in "\n".join(found.lines)
    found = explain(foreign.replace("w_400", "w_401"), the_rules(), keys=[other])
    assert "altered after signing" in "\n".join(found.lines)


def test_where_none_is_needed_its_absence_is_no_fault() -> None:
    assert explain(BARE, the_rules(signed=False)).works
    assert explain(BARE, the_rules(local=True)).works
