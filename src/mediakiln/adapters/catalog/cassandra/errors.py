"""The driver's errors in our words."""

import re
from collections.abc import Iterator

import cassandra
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage, RequestExecutionException, ServerError, SyntaxException

from mediakiln.adapters.catalog.cassandra.target import Target
from mediakiln.model.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    InvalidRequest,
    MediakilnError,
    StorageFull,
)

FAILURES = (cassandra.DriverException, ErrorMessage, NoHostAvailable, ConnectionException, OSError)
"""What the driver raises."""

PASSING = (
    NoHostAvailable,
    ConnectionException,
    OSError,
    cassandra.OperationTimedOut,
    # Time-outs, too few replicas, failed replicas, overload, a node that starts.
    cassandra.RequestExecutionException,
    RequestExecutionException,
    ServerError,
)
"""What may be gone at the next attempt; of the write it says nothing."""

_NO_SCHEMA = ("does not exist", "unconfigured table", "undefined column", "unknown identifier")
_NO_TRUST = re.compile(
    r"\[SSL: (CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|TLSV\w*|SSLV3\w*)\][^\")]*"
)
_DISK_FULL = "disk usage exceeds failure threshold"


class SchemaMissing(EngineMisconfigured):
    """The keyspace has no schema, or another release's."""


def translate(error: Exception, target: Target) -> MediakilnError:
    """The error of ours that says what happened and what helps."""
    causes = list(_causes(error))
    if isinstance(error, cassandra.UnresolvableContactPoints):
        return EngineUnavailable(
            f"no address is known for {target.names}", hint="check the hosts in MEDIAKILN_CATALOG"
        )
    if any(isinstance(cause, cassandra.AuthenticationFailed) for cause in causes):
        return EngineMisconfigured(
            f"MEDIAKILN_CATALOG: {target.names} refused user {target.user!r}: {_text(causes[-1])}",
            hint="check user and password in cassandra://user:password@…",
        )
    if isinstance(error, cassandra.Unauthorized):
        return EngineMisconfigured(
            f"MEDIAKILN_CATALOG: user {target.user!r} may not do this: {_text(error)}",
            hint=f"GRANT SELECT, MODIFY ON KEYSPACE {target.keyspace} TO {target.user}; "
            "CREATE too for the process that makes the tables",
        )
    if isinstance(error, cassandra.RequestValidationException | SyntaxException):
        return _refused(_text(error), target)
    reasons = "; ".join(dict.fromkeys(map(_text, causes)))
    if found := _NO_TRUST.search(reasons):
        return EngineMisconfigured(
            f"MEDIAKILN_CATALOG: no TLS with {target.names}: {found[0]}",
            hint="check tls, ca, verify and certificate in the URL, and the nodes' certificates",
        )
    return EngineUnavailable(f"Cassandra at {target.names} cannot be reached: {reasons}")


def _refused(text: str, target: Target) -> MediakilnError:
    """Of a statement that was understood and not carried out, or not understood."""
    if _DISK_FULL in text:
        return StorageFull(f"Cassandra's disks are full: {text}")
    if any(sign in text.lower() for sign in _NO_SCHEMA):
        return SchemaMissing(
            f"the keyspace {target.keyspace} has no schema, or another release's: {text}",
            hint="run `mediakiln init`",
        )
    return InvalidRequest(f"Cassandra refuses this: {text}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, NoHostAvailable):
        errors = error.errors
        yield from errors.values() if isinstance(errors, dict) else errors


def _text(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
