"""Files that are let in and turn out bad, and operations that misbehave on them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from golden.document_samples import encrypted_pdf
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.product import Manifest
from support import hostile, media
from support.platform import Platform
from support.uploads import code, end, post, refusal

pytestmark = pytest.mark.xdist_group("bad_input")


@pytest.fixture
def site(pestered: Platform) -> Platform:
    return pestered


@pytest.mark.parametrize("kept", [0.05, 0.5])
def test_a_truncated_jpeg_fails_as_damaged(site: Platform, kept: float) -> None:
    data = media.jpeg(3, 900, 700)
    asset = end(site, post(site, data[: int(len(data) * kept)], "cut.jpg"))
    assert (asset.state, code(asset)) == (AssetState.FAILED, "bad_media")


def test_a_lying_content_type_is_recorded_and_the_content_believed(site: Platform) -> None:
    headers = {"Content-Type": "video/mp4"}
    asset = end(site, post(site, media.jpeg(2), "film.mp4", headers=headers))
    assert (asset.state, asset.media_type) == (AssetState.READY, "image/jpeg")
    assert asset.metadata["disagreement"] == {"name": "video/mp4", "declared": "video/mp4"}


def test_a_page_named_as_a_picture_is_never_shown_as_a_page(site: Platform) -> None:
    asset = end(site, post(site, hostile.HTML, "photo.jpg"))
    assert asset.kind == "document"
    assert asset.metadata["disagreement"]["name"] == "image/jpeg"
    answer = httpx2.get(asset.url, trust_env=False)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_recipe_for_another_kind_is_rejected(site: Platform) -> None:
    asset = end(site, post(site, media.jpeg(4), "a.jpg", params={"recipe": "video"}))
    assert (asset.state, code(asset)) == (AssetState.REJECTED, "recipe_kind_mismatch")


@pytest.mark.parametrize("data", [hostile.giant_jpeg(), hostile.giant_png()], ids=["jpeg", "png"])
def test_a_header_of_64250_squared_pixels_is_refused_before_decoding(
    site: Platform, data: bytes
) -> None:
    asset = end(site, post(site, data, "giant"))
    assert (asset.state, code(asset)) == (AssetState.FAILED, "too_many_pixels")
    assert all((step.seconds or 0) < 5 for step in asset.steps)


def test_a_zip_bomb_of_a_document_hits_a_limit(site: Platform) -> None:
    asset = end(site, post(site, hostile.zip_bomb_docx(), "bomb.docx"))
    assert asset.state is AssetState.FAILED
    assert code(asset) in {"limit_exceeded", "memory_limit"}


def test_an_encrypted_pdf_asks_for_its_password(site: Platform, tmp_path: Path) -> None:
    locked = encrypted_pdf(tmp_path / "secret.pdf")
    asset = end(site, post(site, locked.read_bytes(), "secret.pdf"))
    assert (asset.state, code(asset)) == (AssetState.FAILED, "password_required")


def test_a_drawing_fetches_nothing_from_elsewhere(site: Platform, tmp_path: Path) -> None:
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever).start()
    try:
        secret = tmp_path / "secret.png"
        secret.write_bytes(media.png(9))
        address = f"http://127.0.0.1:{server.server_address[1]}"
        asset = end(site, post(site, hostile.reaching_svg(address, secret), "drawing.svg"))
    finally:
        server.shutdown()
        server.server_close()
    assert asset.state in {AssetState.READY, AssetState.FAILED, AssetState.REJECTED}
    assert asked == []


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("hang", "step_timeout"),
        ("segfault", "crashed"),
        ("eat_memory", "memory_limit"),
        ("raise", "operation_failed"),
    ],
)
def test_an_operation_that_misbehaves_fails_its_step_and_keeps_the_others(
    site: Platform, op: str, expected: str
) -> None:
    steps = {"good": {"op": "mischief.write"}, "bad": {"op": f"mischief.{op}"}}
    asset = end(site, post(site, media.text(), "a.txt", headers=_recipe(steps)))
    assert (asset.state, code(asset)) == (AssetState.FAILED, expected)
    assert {step.name: step.state for step in asset.steps} == {
        "good": StepState.DONE,
        "bad": StepState.FAILED,
    }
    assert [product.name.partition("/")[0] for product in asset.products] == ["good"]


def test_somebody_elses_operation_is_listed_and_its_lineage_kept(site: Platform) -> None:
    listed = httpx2.get(f"{site.url}/v1/operations", trust_env=False).json()["operations"]
    assert "mischief.write" in {item["name"] for item in listed}
    steps = {"say": {"op": "mischief.write", "word": "kiln"}}
    asset = end(site, post(site, media.text(3), "a.txt", headers=_recipe(steps)))
    assert asset.state is AssetState.READY
    kept = list((site.data / "store" / "production").rglob(f"{asset.id}/say/*.manifest.json"))
    manifest = Manifest.model_validate_json(kept[0].read_bytes())
    assert (manifest.lineage.operation, manifest.lineage.params) == (
        "mischief.write",
        {"word": "kiln"},
    )


def _recipe(steps: dict[str, Any]) -> dict[str, str]:
    return {"X-Recipe": json.dumps({"steps": steps})}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_malformed_file_ends_and_harms_nobody(site: Platform, samples: Path) -> None:
    found = [path for path in sorted((samples / "malformed").rglob("*")) if path.is_file()]
    small = [path for path in found if 0 < path.stat().st_size < 3_000_000]
    waiting: dict[str, str] = {}
    for path in small:
        response = post(site, path.read_bytes(), path.name)
        if response.status_code == 201:
            waiting[response.json()["id"]] = path.name
        else:
            refusal(response)
    with site.client() as client:
        for id, name in waiting.items():
            asset = client.wait(id, timeout=120)
            assert asset.state.terminal, name
            assert (asset.error is None) == (asset.state is AssetState.READY), name
            assert code(asset) not in {"internal", "operation_failed", "attempts_spent"}, (
                name,
                asset.error,
            )
