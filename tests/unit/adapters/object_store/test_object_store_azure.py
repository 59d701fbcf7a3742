"""Azure's signed addresses and the command that writes its rules, without a server."""

import json
import shlex
from urllib.parse import parse_qs, urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import AzureObjectStore
from mediakiln.model.errors import EngineMisconfigured, InvalidRequest, NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules

KEY = "c2VjcmV0"


@pytest.fixture
def with_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)


@pytest.fixture
def without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY", raising=False)


@pytest.mark.usefixtures("with_key")
async def test_a_client_s_put_says_what_kind_of_blob_it_is() -> None:
    store = AzureObjectStore.from_url("az://account/media")
    put = await store.sign_put(Bucket.INPUT, "p/x", size=7, media_type="a/b", expires_s=60)
    assert put.headers == {"x-ms-blob-type": "BlockBlob", "Content-Type": "a/b"}
    assert put.url.startswith("https://account.blob.core.windows.net/media-input/p/x?")
    await store.close()


@pytest.mark.usefixtures("with_key")
async def test_an_address_says_the_name_and_the_type() -> None:
    store = AzureObjectStore.from_url("az://account/media")
    assert store.capabilities.presign_described
    address = await store.presign(
        Bucket.INPUT, "p/x", method="GET", expires_s=60, filename="ä", media_type="image/png"
    )
    assert address.startswith("https://account.blob.core.windows.net/media-input/p/x?")
    query = parse_qs(urlsplit(address).query)
    assert query["rscd"] == ["attachment; filename*=UTF-8''%C3%A4"]
    assert (query["rsct"], query["sp"], query["spr"]) == (["image/png"], ["r"], ["https"])
    with pytest.raises(NotSupported):
        await store.presign(Bucket.INPUT, "p/x", method="PUT", expires_s=60, media_type="a/b")
    with pytest.raises(NotSupported):
        await store.presign(Bucket.INPUT, "p/a b", method="GET", expires_s=60)
    for life in (0, 8 * 86_400):
        with pytest.raises(InvalidRequest):
            await store.presign(Bucket.INPUT, "p/x", method="GET", expires_s=life)
    await store.close()


@pytest.mark.usefixtures("without_key")
async def test_without_the_account_s_key_neither_is_promised() -> None:
    store = AzureObjectStore.from_url("az://account/media")
    assert not store.capabilities.presign_described
    with pytest.raises(NotSupported):
        await store.presign(Bucket.INPUT, "p/x", method="GET", expires_s=60, filename="x")
    with pytest.raises(EngineMisconfigured) as caught:
        await store._make("media-input")
    assert caught.value.context["hint"] == (
        "az storage container create --auth-mode login --account-name account --name media-input"
    )
    await store.close()


@pytest.mark.usefixtures("without_key")
def test_without_the_account_s_key_tags_are_refused() -> None:
    with pytest.raises(EngineMisconfigured, match="tags") as caught:
        AzureObjectStore.from_url("az://account/media?tags=true")
    assert "AZURE_STORAGE_ACCOUNT_KEY" in caught.value.context["hint"]


def test_a_key_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "no base64!")
    with pytest.raises(EngineMisconfigured, match="AZURE_STORAGE_ACCOUNT_KEY"):
        AzureObjectStore.from_url("az://account/media")


@pytest.mark.usefixtures("with_key")
async def test_rules_are_told_as_the_command_that_writes_them() -> None:
    store = AzureObjectStore.from_url("az://account/media")
    with pytest.raises(NotSupported) as caught:
        await store.apply_rules(LifecycleRules(archive_days=60, cold_days=30, cold_class="Cool"))
    words = shlex.split(caught.value.context["hint"])
    assert words[:5] == ["az", "storage", "account", "management-policy", "create"]
    assert words[words.index("--account-name") + 1] == "account"
    (rule,) = json.loads(words[-1])["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["media-archive/"]
    assert rule["definition"]["actions"]["baseBlob"] == {
        "tierToCool": {"daysAfterModificationGreaterThan": 30},
        "delete": {"daysAfterModificationGreaterThan": 60},
    }
    with pytest.raises(InvalidRequest, match="tier"):
        await store.apply_rules(LifecycleRules(archive_days=60, cold_days=3, cold_class="GLACIER"))
    with pytest.raises(NotSupported, match="needs no rules"):
        await store.apply_rules(LifecycleRules(archive_days=None))
    await store.close()
