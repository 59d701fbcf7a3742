import ssl
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.adapters.catalog.cassandra.target import Target
from mediakiln.model.errors import EngineMisconfigured


def test_a_url_says_hosts_keyspace_login_and_options() -> None:
    url = "cassandra://us%40er:p%3A%2F%3F@a,b.example:9043,[::1]:1/media_1?dc=eu&replication=2"
    assert Target.from_url(f"{url}&timeout=4") == Target(
        hosts=(("a", 9042), ("b.example", 9043), ("::1", 1)),
        keyspace="media_1",
        user="us@er",
        password="p:/?",
        dc="eu",
        replication=2,
        timeout_s=4,
    )


def test_the_least_url_has_sound_defaults() -> None:
    found = Target.from_url("cassandra://a/k")
    assert (found.user, found.dc, found.replication, found.timeout_s) == (None, None, 3, 10)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("cassandra://", "URL"),
        ("cassandra:///k", "URL"),
        ("cassandra:a/k", "URL"),
        ("scylla://a/k", "URL"),
        ("cassandra://a", "keyspace ''"),
        ("cassandra://a/", "keyspace ''"),
        ("cassandra://a/K", "keyspace 'K'"),
        ("cassandra://a/k;DROP", "keyspace"),
        ("cassandra://a/1k", "keyspace"),
        (f"cassandra://a/{'k' * 49}", "keyspace"),
        ("cassandra://a:0/k", "host 'a:0'"),
        ("cassandra://a:65536/k", "host"),
        ("cassandra://a:x/k", "host"),
        ("cassandra://a,,b/k", "host ''"),
        ("cassandra://a/k?datacenter=x", "option 'datacenter'"),
        ("cassandra://a/k?replication=0", "replication=0"),
        ("cassandra://a/k?replication=10", "replication=10"),
        ("cassandra://a/k?replication=x", "replication=x"),
        ("cassandra://a/k?timeout=²", "timeout"),
        ("cassandra://a/k?timeout=31", "timeout=31"),
        ("cassandra://a/k?tls=perhaps", "tls"),
        ("cassandra://a/k?ca=/etc/hosts", "tls"),
        ("cassandra://a/k?tls=false&verify=none", "tls"),
        ("cassandra://a/k?tls=true&ca=/none", "ca"),
        ("cassandra://a/k?tls=true&verify=host", "verify"),
        ("cassandra://a/k?tls=true&key=/etc/hosts", "key"),
    ],
)
def test_a_url_that_is_wrong_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(EngineMisconfigured, match=named) as refusal:
        CassandraCatalog.from_url(url)
    assert refusal.value.context["hint"]


@pytest.mark.parametrize("url", ["cassandra://u:secret@a", "x://u:secret@a/k"])
def test_a_password_is_never_told(url: str) -> None:
    with pytest.raises(EngineMisconfigured) as refusal:
        CassandraCatalog.from_url(url)
    assert "secret" not in f"{refusal.value} {refusal.value.context}"
    assert "secret" not in repr(Target.from_url("cassandra://u:secret@a/k"))


def test_tls_is_off_unless_asked_for_and_then_trusts_nobody_unknown() -> None:
    assert Target.from_url("cassandra://a/k").tls is None
    assert Target.from_url("cassandra://a/k?tls=false").tls is None
    tls = Target.from_url("cassandra://a/k?tls=true").tls
    assert tls is not None
    context = tls.context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    for verify, mode in (("ca", ssl.CERT_REQUIRED), ("none", ssl.CERT_NONE)):
        tls = Target.from_url(f"cassandra://a/k?tls=true&verify={verify}").tls
        assert tls is not None
        context = tls.context()
        assert (context.verify_mode, context.check_hostname) == (mode, False)


@pytest.mark.parametrize("options", ["ca={}", "certificate={}", "certificate={0}&key={0}"])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, options: str) -> None:
    path = tmp_path / "no.pem"
    path.write_text("no certificate")
    tls = Target.from_url(f"cassandra://a/k?tls=true&{options.format(path)}").tls
    assert tls is not None
    with pytest.raises(EngineMisconfigured, match="something else") as caught:
        tls.context()
    assert caught.value.context["hint"]
