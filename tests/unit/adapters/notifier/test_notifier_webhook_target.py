"""Where a webhook goes, and where it does not: settings, pinned addresses, certificates."""

import base64
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mediakiln.adapters.notifier.webhook import WebhookNotifier
from mediakiln.model.errors import EngineMisconfigured, NotifyFailed, NotifyRefused
from mediakiln.testing.notifier import Receiver, news

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def answering(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """A resolver that gives these answers in turn, and fails when it is asked once more."""
    left = list(answers)

    async def resolver(host: str, port: int) -> list[str]:
        del host, port
        return left.pop(0)

    return resolver


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "169.254.169.254", "0x7f.1", "2130706433", "[::ffff:10.0.0.1]", "0"],
)
def test_a_private_address_is_refused_when_it_is_set(host: str) -> None:
    with pytest.raises(EngineMisconfigured, match="public internet"):
        WebhookNotifier.from_url(f"https://{host}/", secret=SECRET)


async def test_the_name_of_a_private_host_is_refused_without_a_connection() -> None:
    async with Receiver() as receiver:
        notifier = WebhookNotifier.from_url(f"https://localhost:{receiver.port}/", secret=SECRET)
        with pytest.raises(NotifyRefused) as refused:
            await notifier.send(news())
        await notifier.close()
        assert receiver.requests == []
        assert not refused.value.retryable


async def test_one_private_address_among_public_ones_is_refused() -> None:
    resolver = answering(["8.8.8.8", "10.0.0.1"])
    notifier = WebhookNotifier.from_url("https://a.example/", secret=SECRET, resolver=resolver)
    with pytest.raises(NotifyRefused, match="public"):
        await notifier.send(news())
    await notifier.close()


async def test_a_name_is_looked_up_once_and_the_checked_address_is_used() -> None:
    """A second look-up could give another answer: `a.example` has none here at all."""
    async with Receiver() as receiver:
        notifier = WebhookNotifier.from_url(
            f"http://a.example:{receiver.port}/hook",
            secret=SECRET,
            allow_private=True,
            resolver=answering(["127.0.0.1"]),
        )
        assert (await notifier.send(news())).status == 200
        await notifier.close()
        assert receiver.requests[0].headers["host"] == f"a.example:{receiver.port}"


async def test_the_next_address_is_tried_where_one_refuses() -> None:
    async with Receiver() as receiver:
        notifier = WebhookNotifier.from_url(
            f"http://a.example:{receiver.port}/",
            secret=SECRET,
            allow_private=True,
            resolver=answering(["127.0.0.2", "127.0.0.1"]),
        )
        assert (await notifier.send(news())).status == 200
        await notifier.close()
        assert len(receiver.requests) == 1


async def test_a_name_without_an_address_may_get_one() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port}: no such name")

    for resolver in (unknown, answering([])):
        notifier = WebhookNotifier.from_url("https://a.example/", secret=SECRET, resolver=resolver)
        with pytest.raises(NotifyFailed):
            await notifier.send(news())
        await notifier.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.example with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, pem = folder / "key.pem", folder / "both.pem"
    subject = ["-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(key), "-out", str(pem), "-days", "2"]
    subprocess.run([openssl, "req", *kind, *subject, *files], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    return pem


async def _status_over_tls(host: str, certificate: Path) -> int | None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    async with Receiver(tls=serving) as receiver:
        notifier = WebhookNotifier.from_url(
            f"https://{host}:{receiver.port}/",
            secret=SECRET,
            allow_private=True,
            tls=ssl.create_default_context(cafile=str(certificate)),
            resolver=answering(["127.0.0.1"]),
        )
        try:
            return (await notifier.send(news())).status
        finally:
            await notifier.close()


async def test_the_certificate_is_checked_for_the_name_and_not_the_address(
    certificate: Path,
) -> None:
    assert await _status_over_tls("hooks.example", certificate) == 200


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
async def test_a_certificate_of_another_name_is_refused(host: str, certificate: Path) -> None:
    with pytest.raises(NotifyFailed, match="certificate verify failed"):
        await _status_over_tls(host, certificate)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://a.example/", SECRET),
        ("ftp://a.example/", SECRET),
        ("https://", SECRET),
        ("a.example", SECRET),
        ("https://a.example:port/", SECRET),
        ("https://a.example/", ""),
        ("https://a.example/", None),
        ("https://a.example/", "whsec_"),
        ("https://a.example/", "whsec_not base64!"),
        ("https://a.example/", "whsec_" + base64.b64encode(bytes(23)).decode()),
        ("https://a.example/", "whsec_" + base64.b64encode(bytes(65)).decode()),
        ("https://a.example/", f"{SECRET} whsec_short"),
    ],
)
def test_settings_that_cannot_work_are_refused(url: str, secret: str | None) -> None:
    with pytest.raises(EngineMisconfigured) as refused:
        WebhookNotifier.from_url(url, secret=secret)
    assert not secret or secret not in f"{refused.value} {refused.value.context}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@a.example/hook?token=1#x", "https://a.example/hook"),
        ("https://a.example:8443", "https://a.example:8443/"),
        ("https://[2606:4700::1]/", "https://[2606:4700::1]/"),
        ("https://a.example/T000/" + "s3cret" * 4, "https://a.example/T000/s3cr…"),
    ],
)
async def test_the_target_shows_where_and_no_secret(url: str, shown: str) -> None:
    notifier = WebhookNotifier.from_url(url, secret=SECRET)
    assert notifier.target == shown
    await notifier.close()
