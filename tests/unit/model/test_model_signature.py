"""Signatures of addresses."""

import pytest

from mediakiln.client import image_address
from mediakiln.model.signature import (
    expiring,
    is_signature,
    mac,
    sign_iiif,
    sign_native,
    split_iiif,
    split_native,
    verified_by,
)

KEY, OTHER = b"a key", b"another key"


def test_the_signature_is_that_of_the_documentation() -> None:
    # By `openssl dgst -sha256 -hmac "a key" -binary | basenc --base64url`, without its padding.
    assert sign_native("/i/w_400/ID", KEY) == f"/i/s_{mac(KEY, b'/i/w_400/ID')}/w_400/ID"
    assert mac(b"key", b"The quick brown fox jumps over the lazy dog") == (
        "97yD9DBThCSxMpjmqm-xQ-9NWaFJRhdZl0edvC0aPNg"
    )


def test_signing_again_replaces_the_signature() -> None:
    once = sign_native("/i/w_400/ID", OTHER)
    assert sign_native(once, KEY) == sign_native("/i/w_400/ID", KEY)
    assert split_native(once)[0] == "/i/w_400/ID"
    assert split_native("/i/s_x") == ("/i/s_x", None)
    assert expiring(once, 7) == expiring("/i/w_400/ID", 7) == "/i/exp_7/w_400/ID"


@pytest.mark.parametrize("id", ["ID", "ID/web", "ID/pages/a page~1.png"])
def test_an_image_service_is_signed_as_it_is_and_written_encoded(id: str) -> None:
    identifier = sign_iiif(id, KEY).removeprefix("/iiif/")
    assert "/" not in identifier
    assert split_iiif(identifier) == (id, mac(KEY, f"/iiif/{id}".encode()))
    assert split_iiif(identifier.replace("~", "%7E")) == split_iiif(identifier)
    assert split_iiif("ID%2Fweb") == ("ID/web", None)


def test_any_of_several_keys_verifies() -> None:
    for size in (8, 20, 32):
        signature = mac(KEY, b"m", size=size)
        assert verified_by(signature, b"m", [OTHER, KEY], size=size) == 1
        assert verified_by(signature, b"n", [OTHER, KEY], size=size) is None
        assert verified_by(signature, b"m", [], size=size) is None
    assert verified_by(mac(KEY, b"m"), b"m", [KEY, OTHER, KEY], size=32) == 0  # the first
    assert verified_by(mac(KEY, b"m"), b"m", [KEY], size=8) == 0  # whole ones count too
    assert verified_by(mac(KEY, b"m", size=8), b"m", [KEY], size=16) is None


@pytest.mark.parametrize("text", ["", "abc", "a" * 44, "a+b/c=", "ä" * 20, "a" * 43 + "="])
def test_what_has_not_the_form_of_a_signature_is_told(text: str) -> None:
    assert not is_signature(text)
    assert verified_by(text, b"m", [KEY], size=32) is None


def test_the_client_writes_addresses() -> None:
    assert image_address("http://h/", "ID") == "http://h/i/ID"
    assert image_address("http://h", "ID.webp", "w_4", key="a key") == (
        "http://h" + sign_native("/i/w_4/ID.webp", KEY)
    )
    assert image_address("http://h", "ID", "w_4", seconds=60).startswith("http://h/i/exp_")
