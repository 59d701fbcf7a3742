"""Content credentials: what is written is valid and says what was done; what is read is told."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from golden.image_samples import pixels, saved, scene
from mediakiln.model.errors import BadMedia, EngineMisconfigured, ModelUnavailable
from mediakiln.model.product import Product
from mediakiln.operations.image.provenance import manifests
from mediakiln.operations.image.provenance.credentials import credentials
from mediakiln.operations.image.provenance.signer import Algorithm, read_signer
from mediakiln.ports.operation import Context
from support import certificates
from support.certificates import Identity

STEPS = [
    {"operation": "image.crop", "params": {"width": "50%"}},
    {
        "operation": "image.transform",
        "params": {
            "steps": [
                {"op": "image.resize", "width": 64},
                {"op": "image.adjust", "brightness": 0.2, "blur": 1.5},
                {"op": "image.watermark", "text": "not to be told"},
            ]
        },
    },
]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return certificates.issue(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="module")
def signer(identity: Identity) -> dict[str, Any]:
    return read_signer(identity.certificate, identity.key, None, identity.anchors)


def _sign(source: Path, out: Path, known: Mapping[str, Any], **params: Any) -> tuple[Path, Product]:
    out.mkdir(exist_ok=True)
    context = Context("image/x", name="photo.jpg", credentials=known)
    (product,) = credentials.run(source, {"mode": "sign", **params}, out, context)
    return out / product.file, product


def _read(source: Path, out: Path, anchors: Path | None = None, **params: Any) -> dict[str, Any]:
    out.mkdir(exist_ok=True)
    known = {"anchors": str(anchors)} if anchors else {}
    credentials.run(source, params, out, Context("image/x", credentials=known))
    told: dict[str, Any] = json.loads((out / "credentials.json").read_text())
    return told


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "gif", "tif"])
def test_every_format_is_signed_and_its_pixels_stay(
    out: Path, tmp_path: Path, identity: Identity, signer: dict[str, Any], extension: str
) -> None:
    source = saved(scene(), tmp_path / f"scene.{extension}")
    signed, product = _sign(source, out, signer)
    assert (product.metadata["state"], product.metadata["signed_by"]) == ("trusted", "Test studio")
    assert (pixels(signed) == pixels(source)).all()
    told = _read(signed, tmp_path / "told", identity.anchors)
    assert (told["state"], told["problems"]) == ("trusted", [])
    assert [each["action"] for each in told["actions"]] == ["c2pa.opened"]


@pytest.mark.parametrize("algorithm", ["ps256", "ps512"])
def test_rsa_keys_sign(out: Path, tmp_path: Path, algorithm: Algorithm) -> None:
    made = certificates.issue(tmp_path / "rsa", "ps256")
    known = read_signer(made.certificate, made.key, algorithm, made.anchors)
    _, product = _sign(saved(scene(), tmp_path / "scene.png"), out, known)
    assert product.metadata["state"] == "trusted"


def test_the_steps_before_are_listed_in_their_order_without_their_parameters(
    out: Path, tmp_path: Path, signer: dict[str, Any]
) -> None:
    original = saved(scene(), tmp_path / "upload.png")
    source = saved(scene(64, 40), tmp_path / "small.jpg")
    known = signer | {
        "original": {"path": str(original), "media_type": "image/png", "name": "upload.png"},
        "steps": STEPS,
    }
    signed, _ = _sign(source, out, known, actions=[{"action": "c2pa.enhanced"}])
    told = _read(signed, tmp_path / "told")
    assert [(each["action"], each.get("operation")) for each in told["actions"]] == [
        ("c2pa.opened", None),
        ("c2pa.cropped", "image.crop"),
        ("c2pa.resized", "image.resize"),
        ("c2pa.adjustedColor", "image.adjust"),
        ("c2pa.filtered", "image.adjust"),
        ("c2pa.addedText", "image.watermark"),
        ("c2pa.converted", None),
        ("c2pa.enhanced", None),
    ]
    assert told["ingredients"] == [
        {"title": "upload.png", "format": "image/png", "relationship": "parentOf"}
    ]
    assert b"not to be told" not in signed.read_bytes()


def test_an_image_that_was_signed_before_keeps_its_history(
    out: Path, tmp_path: Path, signer: dict[str, Any]
) -> None:
    first, _ = _sign(saved(scene(), tmp_path / "a.jpg"), out, signer, title="first")
    second, product = _sign(first, tmp_path / "again", signer, title="second")
    assert product.metadata["parent"] == "whole"
    told = _read(second, tmp_path / "told")
    assert told["title"] == "second"
    titles = {each.get("title") for each in told["store"]["manifests"].values()}
    assert titles == {"first", "second"}


def test_a_picture_that_was_changed_afterwards_is_invalid(
    out: Path, tmp_path: Path, identity: Identity, signer: dict[str, Any]
) -> None:
    signed, _ = _sign(saved(scene(), tmp_path / "a.bmp.png"), out, signer)
    data = bytearray(signed.read_bytes())
    data[data.rindex(b"IDAT") + 40] ^= 1
    forged = tmp_path / "forged.png"
    forged.write_bytes(data)
    told = _read(forged, tmp_path / "told", identity.anchors)
    assert told["state"] == "invalid"
    assert "assertion.dataHash.mismatch" in told["problems"]


def test_a_signer_that_nobody_here_knows_is_not_trusted(
    out: Path, tmp_path: Path, signer: dict[str, Any]
) -> None:
    signed, _ = _sign(saved(scene(), tmp_path / "a.jpg"), out, signer)
    other = certificates.issue(tmp_path / "other").anchors
    told = _read(signed, tmp_path / "told", other)
    assert told["state"] != "trusted"
    assert "signingCredential.untrusted" in told["problems"]
    assert _read(signed, tmp_path / "plain")["state"] == "valid"


def test_an_image_without_credentials_says_so(out: Path, tmp_path: Path) -> None:
    assert _read(saved(scene(), tmp_path / "a.jpg"), out) == {"found": False}


def test_a_store_that_cannot_be_read_is_bad_media(
    out: Path, tmp_path: Path, signer: dict[str, Any]
) -> None:
    signed, _ = _sign(saved(scene(), tmp_path / "a.png"), out, signer)
    data = signed.read_bytes()
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(data.replace(b"jumb", b"jumX"))
    with pytest.raises(BadMedia, match="credentials"):
        _read(damaged, tmp_path / "told")


def test_without_a_key_nothing_is_signed(out: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as refused:
        _sign(saved(scene(), tmp_path / "a.jpg"), out, {})
    assert "MEDIAKILN_CREDENTIALS_KEY" in refused.value.context["hint"]


def test_without_the_library_its_extra_is_named(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    with pytest.raises(ModelUnavailable) as refused:
        _read(saved(scene(), tmp_path / "a.jpg"), out)
    assert "mediakiln[credentials]" in refused.value.context["hint"]


def test_places_are_left_out_wherever_they_stand() -> None:
    store = {"a": [{"EXIF:GPSLatitude": "1", "Model": "M"}], "photoshop:City": "X", "b": 1}
    assert manifests.without_places(store) == {"a": [{"Model": "M"}], "b": 1}


def test_settings_that_do_not_fit_together_are_refused(tmp_path: Path, identity: Identity) -> None:
    other = certificates.issue(tmp_path / "other", "ps256")
    chain, key = identity.certificate, identity.key
    wrong: list[tuple[Path | None, Path | None, Algorithm | None, Path | None]] = [
        (chain, None, None, None),
        (None, key, None, None),
        (chain, other.key, None, None),
        (chain, key, "ps256", None),
        (chain, key, "es384", None),
        (other.certificate, other.key, "es256", None),
        (key, key, None, None),
        (chain, chain, None, None),
        (tmp_path / "missing", key, None, None),
        (chain, tmp_path / "missing", None, None),
        (None, None, None, key),
    ]
    for each in wrong:
        with pytest.raises(EngineMisconfigured):
            read_signer(*each)
    assert read_signer(None, None, None, None) == {}


def test_cameras_and_editors_credentials_are_read(samples: Path, tmp_path: Path) -> None:
    folder = samples / "samples" / "image"
    told = {
        name: _read(folder / name, tmp_path / name)
        for name in ("adobe-20220124-CA.jpg", "truepic-20230212-camera.jpg", "adobe-20220124-A.jpg")
    }
    edited, camera, plain = told.values()
    assert [each["action"] for each in edited["actions"]] == [
        "c2pa.opened",
        "c2pa.color_adjustments",
    ]
    assert edited["signed_by"] == "C2PA Test Signing Cert"
    assert "Truepic" in camera["generator"]
    assert "GPS" not in json.dumps(camera)
    assert plain == {"found": False}
    source = folder / "truepic-20230212-camera.jpg"
    assert "GPS" in json.dumps(_read(source, tmp_path / "located", location=True))


def test_a_place_does_not_leave_with_the_credentials_of_the_upload(
    samples: Path, tmp_path: Path, signer: dict[str, Any]
) -> None:
    source = samples / "samples" / "image" / "truepic-20230212-camera.jpg"
    small = saved(scene(), tmp_path / "small.jpg")
    original = {"path": str(source), "media_type": "image/jpeg", "name": "camera.jpg"}
    known = signer | {"original": original}
    hidden, product = _sign(small, tmp_path / "hidden", known)
    assert product.metadata["parent"] == "named"
    assert b"GPSLatitude" not in hidden.read_bytes()
    shown, product = _sign(small, tmp_path / "shown", known, location=True)
    assert product.metadata["parent"] == "whole"
    assert b"GPSLatitude" in shown.read_bytes()


@pytest.mark.parametrize(
    ("operation", "parent"),
    [("image.resize", "whole"), ("image.redact", "named"), ("image.crop", "named")],
)
def test_thumbnails_of_what_was_hidden_do_not_go_along(
    samples: Path, tmp_path: Path, signer: dict[str, Any], operation: str, parent: str
) -> None:
    source = samples / "samples" / "image" / "adobe-20220124-CA.jpg"
    small = saved(scene(), tmp_path / "small.jpg")
    original = {"path": str(source), "media_type": "image/jpeg", "name": "CA.jpg"}
    steps = [{"operation": "image.transform", "params": {"steps": [{"op": operation}]}}]
    known = signer | {"original": original, "steps": steps}
    signed, product = _sign(small, tmp_path / "out", known)
    assert product.metadata["parent"] == parent
    assert (b"c2pa.thumbnail" in signed.read_bytes()) == (parent == "whole")
