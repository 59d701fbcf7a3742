"""Google's signed addresses and lifecycle rules, without a server of Google's."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from obstore.store import GCSStore

from mediakiln.adapters.object_store.cloud import GcsObjectStore
from mediakiln.adapters.object_store.cloud.gcs.signing import Request
from mediakiln.adapters.object_store.cloud.gcs.tokens import Tokens
from mediakiln.model.errors import EngineUnavailable, InvalidRequest, NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules
from support.google import EMAIL, answering, service_account

RULES = LifecycleRules(archive_days=60, cold_days=30, cold_class="COLDLINE")
OTHERS = {"action": {"type": "Delete"}, "condition": {"age": 9, "matchesPrefix": ["x/"]}}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A service account is the application's default."""
    path = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return service_account(path, "http://127.0.0.1:1/token")


@pytest.mark.parametrize("key", ["p/2026/11/21/id", "ä b~c_d-e.f"])
async def test_an_address_is_signed_as_obstore_signs_it(account: str, key: str) -> None:
    peer = GCSStore("media-input", config={"service_account_key": account})
    expected = await obstore.sign_async(peer, "GET", key, timedelta(seconds=60))
    query = parse_qs(urlsplit(expected).query)
    now = datetime.strptime(query["X-Goog-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = Request(
        method="GET",
        endpoint="https://storage.googleapis.com",
        resource=f"/media-input/{key}",
        expires_s=60,
        query={},
        headers={},
    )
    tokens = Tokens(anonymous=False)
    signer = await tokens.signer()
    assert signer.email == EMAIL
    signature = await tokens.sign(signer, request.text(EMAIL, now))
    assert signature.hex() == query["X-Goog-Signature"][0]
    assert urlsplit(expected).path == request.path


async def test_a_client_s_put_is_bound_to_size_type_and_a_free_key(account: str) -> None:
    del account
    put = await GcsObjectStore.from_url("gs://media").sign_put(
        Bucket.INPUT, "p/x", size=7, media_type="image/png", expires_s=60
    )
    signed = parse_qs(urlsplit(put.url).query)["X-Goog-SignedHeaders"]
    assert signed == [";".join(sorted(["host", *put.headers]))]
    assert put.headers["x-goog-content-length-range"] == "7,7"
    assert put.headers["x-goog-if-generation-match"] == "0"


async def test_a_browser_s_form_is_bound_to_key_size_and_type(account: str) -> None:
    """As Google's own library makes it: the signature is of the policy in Base64."""
    store = GcsObjectStore.from_url("gs://media")
    form = await store.sign_form(
        Bucket.INPUT, "p/ä.png", size=7, media_type="image/png", expires_s=60
    )
    await store.close()
    assert form.url == "https://storage.googleapis.com/media-input/"
    fields = dict(form.fields)
    policy, signature = fields.pop("policy"), fields.pop("x-goog-signature")
    document = json.loads(base64.b64decode(policy))
    assert ["content-length-range", 7, 7] in document["conditions"]
    assert {"bucket": "media-input"} in document["conditions"]
    assert all({name: value} in document["conditions"] for name, value in fields.items())
    assert (fields["key"], fields["Content-Type"]) == ("p/ä.png", "image/png")
    began = datetime.strptime(fields["x-goog-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert datetime.fromisoformat(document["expiration"]) == began + timedelta(seconds=60)
    key = load_pem_private_key(json.loads(account)["private_key"].encode(), None)
    public = key.public_key()
    assert isinstance(public, RSAPublicKey)
    public.verify(bytes.fromhex(signature), policy.encode(), PKCS1v15(), SHA256())
    with pytest.raises(InvalidRequest):
        await store.sign_form(Bucket.INPUT, "k", size=7, media_type="a/b", expires_s=10**9)
    anonymous = GcsObjectStore.from_url("gs://media?anonymous=true")
    with pytest.raises(NotSupported):
        await anonymous.sign_form(Bucket.INPUT, "k", size=7, media_type="a/b", expires_s=60)


async def test_the_name_and_the_type_are_part_of_what_is_signed(account: str) -> None:
    """The canonical request in Google's own form."""
    del account
    store = GcsObjectStore.from_url("gs://media")
    assert store.capabilities.presign_described
    address = await store.presign(
        Bucket.PRODUCTION, "a", method="GET", expires_s=60, filename="ä", media_type="image/png"
    )
    query = parse_qs(urlsplit(address).query)
    assert address.startswith("https://storage.googleapis.com/media-production/a?")
    assert query["response-content-type"] == ["image/png"]
    assert query["response-content-disposition"] == ["attachment; filename*=UTF-8''%C3%A4"]
    assert query["X-Goog-SignedHeaders"] == ["host"]
    assert len(query["X-Goog-Signature"][0]) == 512
    request = Request(
        method="PUT",
        endpoint="http://127.0.0.1:1",
        resource="/b/k",
        expires_s=5,
        query={},
        headers={"content-type": "text/plain"},
    )
    assert request.canonical("e", datetime(2026, 1, 2, tzinfo=UTC)) == (
        "PUT\n/b/k\nX-Goog-Algorithm=GOOG4-RSA-SHA256&"
        "X-Goog-Credential=e%2F20260102%2Fauto%2Fstorage%2Fgoog4_request&"
        "X-Goog-Date=20260102T000000Z&X-Goog-Expires=5&X-Goog-SignedHeaders=content-type%3Bhost\n"
        "content-type:text/plain\nhost:127.0.0.1:1\n\ncontent-type;host\nUNSIGNED-PAYLOAD"
    )
    await store.close()


async def test_without_a_service_account_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anonymous = GcsObjectStore.from_url("gs://media?anonymous=true")
    assert not anonymous.capabilities.presign
    with pytest.raises(NotSupported):
        await anonymous.presign(Bucket.INPUT, "k", method="GET", expires_s=60)
    await anonymous.close()
    person = {"type": "authorized_user", "client_id": "c", "client_secret": "s"}
    path = tmp_path / "person.json"
    path.write_text(json.dumps({**person, "refresh_token": "r"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    tokens = Tokens(anonymous=False)
    monkeypatch.setattr("google.oauth2.credentials.Credentials.refresh", lambda *_: None)
    with pytest.raises(NotSupported) as caught:
        await tokens.signer()
    assert "impersonate" in caught.value.context["hint"]


async def test_rules_are_written_beside_those_that_go_by_more_than_age() -> None:
    replaced = {"action": {"type": "Delete"}, "condition": {"age": 1}}
    with _bucket_settings([OTHERS, replaced], conflicts=1) as (endpoint, settings):
        store = GcsObjectStore.from_url(f"gs://media?anonymous=true&endpoint={endpoint}")
        await store.apply_rules(RULES)
        await store.apply_rules(RULES)
        await store.close()
    abandoned = {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 2}}
    assert settings["media-input"]["lifecycle"]["rule"] == [OTHERS, abandoned]
    assert settings["media-archive"]["lifecycle"]["rule"] == [
        OTHERS,
        abandoned,
        {
            "action": {"type": "SetStorageClass", "storageClass": "COLDLINE"},
            "condition": {"age": 30},
        },
        {"action": {"type": "Delete"}, "condition": {"age": 60}},
    ]


async def test_rules_that_cannot_be_written_change_nothing_in_silence() -> None:
    with _bucket_settings([], conflicts=1000) as (endpoint, _):
        store = GcsObjectStore.from_url(f"gs://media?anonymous=true&endpoint={endpoint}")
        with pytest.raises(EngineUnavailable):
            await store.apply_rules(RULES)
        with pytest.raises(InvalidRequest):
            await store.apply_rules(
                LifecycleRules(archive_days=30, cold_days=30, cold_class="COLDLINE")
            )
        await store.close()


@contextmanager
def _bucket_settings(
    rules: list[dict[str, Any]], *, conflicts: int
) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Buckets' settings by Google's JSON interface; so many writes come too late."""
    settings: dict[str, dict[str, Any]] = {}
    late = conflicts

    def answer(method: str, target: str, body: bytes) -> tuple[int, object]:
        nonlocal late
        parts = urlsplit(target)
        bucket = settings.setdefault(
            parts.path.removeprefix("/storage/v1/b/"),
            {"metageneration": "1", "lifecycle": {"rule": rules}},
        )
        if method == "GET":
            return 200, bucket
        now = bucket["metageneration"]
        if late or parts.query != f"ifMetagenerationMatch={now}":
            late -= 1
            return 412, {}
        bucket |= {**json.loads(body), "metageneration": str(int(now) + 1)}
        return 200, bucket

    with answering(answer) as endpoint:
        yield endpoint, settings
