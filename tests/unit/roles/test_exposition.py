"""Metrics on a port of their own."""

from pathlib import Path

import httpx2
import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles.exposition import exposed
from mediakiln.roles.settings import Settings


def test_metrics_are_answered_on_loopback_while_the_role_runs() -> None:
    with exposed("join", Settings(metrics_port=0)) as port:
        answer = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert answer.status_code == 200
        assert "process_cpu_seconds_total" in answer.text
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_a_port_that_is_taken_is_told_by_its_setting() -> None:
    with (
        exposed("join", Settings(metrics_port=0)) as port,
        pytest.raises(EngineMisconfigured, match="MEDIAKILN_METRICS_PORT") as caught,
        exposed("join", Settings(metrics_port=port)),
    ):
        pass
    assert caught.value.context["hint"]


def test_nothing_listens_unless_it_is_asked_for(tmp_path: Path) -> None:
    with exposed("join", Settings()) as port:
        assert port is None
    with exposed("join", Settings(metrics_port=0, metrics_dir=tmp_path)) as port:
        assert port is None
