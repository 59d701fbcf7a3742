"""A bucket of a cloud, or a prefix in one, as a place to import from."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from mediakiln.model.errors import EngineMisconfigured, FetchFailed, FetchRefused, TooLarge
from mediakiln.ports.fetcher import Fetched, Found

_CHUNK = 1 << 20
_PAGE = 1000
_READ_S = 30
_REFUSED = re.compile(r"status code: 4(?!08|09|29)\d\d")
"""In an error's text, where alone obstore says the status: but for time-outs and congestion."""
_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "s3": frozenset({"endpoint", "region", "anonymous", "retries"}),
    "gs": frozenset({"endpoint", "anonymous", "retries"}),
    "az": frozenset({"endpoint", "anonymous", "retries"}),
}


class BucketPlace:
    """The objects of `s3://`, `gs://` and `az://` places.

    - `s3://[KEY:SECRET@]BUCKET[/PREFIX]?endpoint=…&region=…`
    - `gs://BUCKET[/PREFIX]?endpoint=…`
    - `az://[:KEY@]ACCOUNT/CONTAINER[/PREFIX]?endpoint=…`

    Credentials in the URL are percent-encoded. Without any, those of the environment are used,
    and with `anonymous=true` none at all. `retries` (5) is how often a request that failed by an
    outage is sent again.
    """

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The place of a URL; no connection is made yet.

        Raises:
            EngineMisconfigured: another form, or an unknown option.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        known = _OPTIONS.get(parts.scheme, frozenset())
        bucket, path = parts.hostname or "", parts.path.lstrip("/")
        if parts.scheme == "az":
            bucket, _, path = path.partition("/")
        if not known or not bucket or not parts.hostname or (unknown := set(options) - known):
            hint = f"unknown: {', '.join(sorted(unknown))}" if known and bucket else "s3://BUCKET"
            raise EngineMisconfigured(f"a place of {parts.scheme}:// is not valid", hint=hint)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        config = _config(parts.scheme, options, user, password, parts.hostname)
        client: dict[str, Any] = {
            "allow_http": options.get("endpoint", "").startswith("http://"),
            "connect_timeout": timedelta(seconds=10),
            "read_timeout": timedelta(seconds=_READ_S),
            "timeout": timedelta(days=1),
        }
        prefix = unquote(path)
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        maker = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[parts.scheme]
        try:
            return cls(
                maker(
                    bucket,
                    config=config,
                    client_options=client,
                    retry_config={"max_retries": _retries(options)},
                ),
                prefix,
            )
        except BaseError as error:
            raise EngineMisconfigured(
                f"the place {parts.scheme}://{bucket}: {_first_line(error)}"
            ) from error

    async def list(self, prefix: str, *, start_after: str = "") -> AsyncIterator[Found]:
        """Objects in key order, as the place calls them below its own prefix."""
        whole, skip = self._prefix + prefix, len(self._prefix)
        # obstore's prefixes are whole folders.
        folder = whole.rpartition("/")[0] or None
        offset = self._prefix + start_after if start_after else None
        with _translated():
            stream = obstore.list(self._client, folder, offset=offset, chunk_size=_PAGE)
            async for page in stream:
                for meta in page:
                    key = meta["path"]
                    if key.startswith(whole) and key[skip:] > start_after:
                        yield Found(key[skip:], meta["size"])

    @asynccontextmanager
    async def open(self, key: str, *, max_bytes: int) -> AsyncIterator[Fetched]:
        """An object as it is now.

        Raises:
            FetchRefused: there is none of that key.
            FetchFailed: the place does not answer.
            TooLarge: it has more bytes.
        """
        with _translated():
            result = await obstore.get_async(self._client, self._prefix + key)
        size = result.meta["size"]
        if size > max_bytes:
            raise TooLarge(
                f"the file is larger than {max_bytes} bytes", limit=max_bytes, value=size
            )
        yield Fetched(
            chunks=_chunks(result, size),
            name=key.rpartition("/")[2],
            declared_type=_declared(result.attributes.get("Content-Type")),
            size=size,
        )

    async def close(self) -> None:
        """Obstore lets go of its connections by itself."""


async def _chunks(result: Any, size: int) -> AsyncIterator[bytes]:
    total = 0
    with _translated():
        async for chunk in result.stream(min_chunk_size=_CHUNK):
            if chunk:
                total += len(chunk)
                yield bytes(chunk)
    if total != size:
        raise FetchFailed(f"{size} bytes were announced and {total} came", value=total)


def _config(
    scheme: str, options: Mapping[str, str], user: str, password: str, host: str
) -> dict[str, Any]:
    anonymous = options.get("anonymous", "").lower() in {"1", "true"}
    config: dict[str, Any] = {"skip_signature": True} if anonymous else {}
    endpoint = options.get("endpoint")
    if scheme == "s3":
        config |= {"virtual_hosted_style_request": not endpoint}
        config |= {"region": options["region"]} if "region" in options else {}
        config |= {"endpoint": endpoint} if endpoint else {}
        config |= {"access_key_id": user, "secret_access_key": password} if user else {}
    elif scheme == "gs":
        config |= {"base_url": endpoint} if endpoint else {}
    else:
        config |= {"account_name": host}
        config |= {"account_key": password} if password else {}
        config |= {"endpoint": endpoint} if endpoint else {}
    return config


def _retries(options: Mapping[str, str]) -> int:
    given = options.get("retries", "5")
    if not given.isascii() or not given.isdigit() or len(given) > 2:  # noqa: PLR2004 - below 100
        raise EngineMisconfigured(
            "a place: retries is no number from 0 to 99", hint="write retries=5"
        )
    return int(given)


def _declared(value: Any) -> str | None:
    said = str(value or "").partition(";")[0].strip().lower()
    return None if said in {"", "application/octet-stream", "binary/octet-stream"} else said[:200]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FetchRefused("there is no such bucket or object") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise FetchRefused(
            "the place does not let us read", hint="check the source's credentials"
        ) from error
    except (BaseError, OSError) as error:
        if _REFUSED.search(str(error)):
            raise FetchRefused(f"the place refuses: {_first_line(error)}") from error
        raise FetchFailed(f"the place does not answer: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """What happened, without the answer's body and without what was signed."""
    line = str(error).partition("\n")[0].partition(": <?xml")[0]
    return line.rpartition(" - ")[2][:200]
