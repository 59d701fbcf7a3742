"""Keys, projects, links and the trail, through the command line of a running platform."""

import json
import re
import subprocess
from pathlib import Path

import httpx2
import pytest

from support.platform import Platform
from support.waiting import until

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture
def locked(commanded: Platform) -> Platform:
    """A platform with a key."""
    return commanded


def command(site: Platform, *words: str, key: str | None = None) -> str:
    """What a command of mediakiln prints."""
    environment = site.environment | ({"MEDIAKILN_KEY": key} if key else {})
    done = subprocess.run(
        site.command_line(*words),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.timeout(300)
def test_a_key_works_in_its_project_until_it_is_revoked(locked: Platform, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("A text of the tenant's.\n")
    command(locked, "projects", "create", "acme")
    assert "acme" in command(locked, "projects", "list")
    key = command(
        locked, "keys", "create", "app", "--project", "acme", "--scope", "upload",
        "--scope", "read", "--uploader", "app", "--days", "1",
    )  # fmt: skip
    assert re.fullmatch(r"mk_[0-9a-f]{16}_[\w-]{43}", key)
    command(locked, "submit", str(file), key=key)
    [mine] = json.loads(command(locked, "assets", "list", "--json", key=key))
    assert (mine["project"], mine["uploader"]) == ("acme", "app")
    others = json.loads(command(locked, "assets", "list", "--json"))
    assert mine["id"] not in {asset["id"] for asset in others}
    keys = json.loads(command(locked, "keys", "list", "--json"))
    assert key not in str(keys)
    [listed] = [each for each in keys if each["id"] in key]
    command(locked, "keys", "revoke", listed["id"])
    assert "revoked" in command(locked, "keys", "list")
    told = json.loads(command(locked, "audit", "--project", "acme", "--json"))
    assert [entry["what"] for entry in told][:1] == ["key.revoked"]
    assert told[-1]["what"] == "key.created"


def test_the_link_that_up_prints_and_a_fresh_one_work_once(locked: Platform) -> None:
    def links() -> list[str]:
        return re.findall(r"page  (http\S+)", locked.log.read_text())

    until(lambda: len(links()) == 1, within=30)
    [printed] = links()
    fresh = command(locked, "signin")
    assert printed != fresh
    for link in (printed, fresh):
        assert httpx2.get(link).status_code == 303
        assert httpx2.get(link).status_code == 401


def test_neither_keys_nor_tokens_are_in_the_log(locked: Platform) -> None:
    owner = (locked.data / "owner.key").read_text().strip()
    key = command(locked, "keys", "create", "app", "--scope", "upload")
    headers = {"Authorization": f"Bearer {key}"}
    token = httpx2.post(f"{locked.url}/v1/tokens", headers=headers, json={}).json()["token"]
    for given in (owner, key, token):
        httpx2.get(f"{locked.url}/v1/assets?key={given}", headers={"Authorization": given})
    log = locked.log.read_text()
    assert "/v1/tokens 201" in log
    assert not any(given[-43:] in log for given in (owner, key, token))
