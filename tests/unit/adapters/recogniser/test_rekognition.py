"""Rekognition's answers and refusals, from a server that speaks its protocol."""

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("aiobotocore", reason="needs the extra rekognition")

from mediakiln.adapters.recogniser.rekognition import RekognitionRecogniser
from mediakiln.model.errors import (
    BadMedia,
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    LimitExceeded,
    MediakilnError,
    OperationFailed,
)
from support.rekognition import JPEG, Rekognition, credentials, refuses, rekognition, says

IMAGE = JPEG + b"an image"


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials; and the SDK's tries follow one another at once."""
    credentials(monkeypatch)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.fixture
async def server() -> AsyncIterator[Rekognition]:
    async with rekognition() as found:
        yield found


@pytest.fixture
async def asked(server: Rekognition) -> AsyncIterator[RekognitionRecogniser]:
    recogniser = RekognitionRecogniser.from_url(server.address())
    yield recogniser
    await recogniser.close()


async def test_labels_come_with_confidences_of_0_to_1_and_the_models_versions(
    server: Rekognition, asked: RekognitionRecogniser
) -> None:
    found = await asked.labels(IMAGE)
    assert found.labels == {"Beach": 0.915, "Sailboat": 0.64, "Kite": 0.03}
    assert found.unsafe == {"Alcohol": 0.8, "Drinking": 0.75, "Violence": 0.12}
    assert found.versions == {"Rekognition labels": "3.0", "Rekognition moderation": "7.0"}
    assert sorted(server.asked) == ["DetectLabels", "DetectModerationLabels"]
    assert server.images == [IMAGE, IMAGE]
    assert all("Credential=kiln/" in each for each in server.signed)
    assert all("/eu-central-1/rekognition/" in each for each in server.signed)


async def test_only_what_the_address_says_is_asked(server: Rekognition) -> None:
    shows = RekognitionRecogniser.from_url(server.address("&moderation=no"))
    judges = RekognitionRecogniser.from_url(server.address("&labels=no&unsafe=Violence"))
    seen, judged = await shows.labels(IMAGE), await judges.labels(IMAGE)
    assert server.asked == ["DetectLabels", "DetectModerationLabels"]
    assert seen.unsafe is None
    assert seen.versions == {"Rekognition labels": "3.0"}
    assert (judged.labels, judged.unsafe) == ({}, {"Violence": 0.12})
    await shows.close()
    await judges.close()


async def test_a_label_counts_as_unsafe_by_its_parent_too(server: Rekognition) -> None:
    recogniser = RekognitionRecogniser.from_url(server.address("&labels=no&unsafe=Alcohol,Gore"))
    assert (await recogniser.labels(IMAGE)).unsafe == {"Alcohol": 0.8, "Drinking": 0.75}
    await recogniser.close()


async def test_a_throttled_question_is_asked_again(
    server: Rekognition, asked: RekognitionRecogniser
) -> None:
    server.first = [refuses("ThrottlingException"), refuses("InternalServerError", 500)]
    assert (await asked.labels(IMAGE)).labels["Beach"] == 0.915
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ThrottlingException", 400, EngineUnavailable),
        ("ServiceUnavailable", 503, EngineUnavailable),
        ("AccessDeniedException", 400, EngineMisconfigured),
        ("UnrecognizedClientException", 400, EngineMisconfigured),
        ("com.amazon.rekognition#InvalidSignatureException", 400, EngineMisconfigured),
        ("InvalidImageFormatException", 400, BadMedia),
        ("ImageTooLargeException", 400, LimitExceeded),
        ("InvalidParameterException", 400, OperationFailed),
    ],
)
async def test_refusals_are_stable_errors_that_name_no_account(
    server: Rekognition, code: str, status: int, error: type[MediakilnError]
) -> None:
    server.answers["DetectLabels"] = refuses(code, status)
    recogniser = RekognitionRecogniser.from_url(server.address("&moderation=no"))
    with pytest.raises(error) as refused:
        await recogniser.labels(IMAGE)
    assert type(refused.value) is error
    assert refused.value.retryable is issubclass(error, EngineError)
    assert "arn:" not in str(refused.value) + str(refused.value.context)
    await recogniser.close()


async def test_a_permission_that_lacks_is_named(
    server: Rekognition, asked: RekognitionRecogniser
) -> None:
    server.answers["DetectModerationLabels"] = refuses("AccessDeniedException")
    for call in (asked.labels(IMAGE), asked.check()):
        with pytest.raises(EngineMisconfigured, match="rekognition:DetectModerationLabels"):
            await call


async def test_a_check_costs_no_image_and_passes_where_asking_is_allowed(
    server: Rekognition, asked: RekognitionRecogniser
) -> None:
    await asked.check()
    assert sorted(server.asked) == ["DetectLabels", "DetectModerationLabels"]
    assert not any(image.startswith(JPEG) for image in server.images)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    recogniser = RekognitionRecogniser.from_url("rekognition://r-1?endpoint=http://127.0.0.1:1")
    for call in (recogniser.labels(IMAGE), recogniser.check()):
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            await call
    await recogniser.close()


@pytest.mark.parametrize("answer", [says({"hello": "you"}), (200, b"<html></html>")])
async def test_another_server_is_recognised_as_such(
    server: Rekognition, asked: RekognitionRecogniser, answer: tuple[int, bytes]
) -> None:
    server.answers = dict.fromkeys(server.answers, answer)
    with pytest.raises(EngineMisconfigured, match="not Rekognition"):
        await asked.labels(IMAGE)


async def test_credentials_that_lack_are_a_wrong_setting(
    asked: RekognitionRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(EngineMisconfigured, match="no AWS credentials"):
        await asked.labels(IMAGE)


async def test_a_closed_recogniser_says_so(asked: RekognitionRecogniser) -> None:
    await asked.labels(IMAGE)
    await asked.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        await asked.labels(IMAGE)


def test_the_identity_holds_what_changes_answers_and_nothing_else() -> None:
    def identity(options: str) -> str:
        return RekognitionRecogniser.from_url(f"rekognition://eu-central-1{options}").identity

    assert identity("") == "rekognition://eu-central-1?labels=yes&moderation=yes"
    assert identity("?timeout=3") == identity("?moderation=yes&labels=yes") == identity("")
    assert identity("?unsafe=B,A") == identity("?unsafe=A,B") != identity("")
    assert identity("?moderation=no&unsafe=A") == identity("?moderation=no")
    assert "endpoint=http://127.0.0.1:9" in identity("?endpoint=http://127.0.0.1:9")


@pytest.mark.parametrize(
    "url",
    [
        "rekognition://",
        "rekognition://eu-central-1/path",
        "rekognition://key:secret@eu-central-1",
        "rekognition://eu-central-1?labels=maybe",
        "rekognition://eu-central-1?labels=no&moderation=no",
        "rekognition://eu-central-1?timeout=0",
        "rekognition://eu-central-1?timeout=soon",
        "rekognition://eu-central-1?endpoint=localhost:80",
        "rekognition://eu-central-1?endpoint=http://me:secret@127.0.0.1:80",
        "rekognition://eu-central-1?bucket=x",
    ],
)
def test_an_address_that_cannot_be_is_refused_and_shows_no_secret(url: str) -> None:
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_LABEL_MODELS") as refused:
        RekognitionRecogniser.from_url(url)
    assert refused.value.context["hint"]
    assert "secret" not in str(refused.value) + str(refused.value.context)
