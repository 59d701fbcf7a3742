"""What `mediakiln process` tells."""

from pathlib import Path

import pytest

from mediakiln.cli.process import tell


@pytest.mark.parametrize(
    ("state", "step", "told"),
    [
        ("failed", "far", "a.jpg: failed in step far: outside_image: why\n"),
        ("failed", None, "a.jpg: failed: outside_image: why\n"),
        ("rejected", "far", "a.jpg: rejected: outside_image: why\n"),
    ],
)
def test_a_failure_is_told_with_its_step(
    state: str, step: str | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"code": "outside_image", "message": "why", "step": step}
    tell(Path("a.jpg"), {"state": state, "error": error, "products": {"b": "b.jpg"}}, as_json=False)
    assert capsys.readouterr() == ("b.jpg\n", told)
