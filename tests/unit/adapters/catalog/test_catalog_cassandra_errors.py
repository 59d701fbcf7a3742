import cassandra
import pytest
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import (
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    ServerError,
    SyntaxException,
)

from mediakiln.adapters.catalog.cassandra.errors import FAILURES, PASSING, translate
from mediakiln.adapters.catalog.cassandra.target import Target
from mediakiln.model.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    InvalidRequest,
    StorageFull,
)

TARGET = Target.from_url("cassandra://someone:secret@host/k")
REFUSED = cassandra.AuthenticationFailed("wrong")


@pytest.mark.parametrize(
    "error",
    [
        NoHostAvailable("none", {"host": ConnectionRefusedError("refused")}),
        cassandra.OperationTimedOut(),
        cassandra.WriteTimeout("late", write_type=cassandra.WriteType.CAS),
        cassandra.ReadTimeout("late"),
        cassandra.Unavailable("too few"),
        cassandra.WriteFailure("failed"),
        OverloadedErrorMessage(0x1001, "busy", None),
        IsBootstrappingErrorMessage(0x1002, "starting", None),
        ServerError(0, "oops", None),
        ConnectionShutdown("closed"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_tried_again_and_then_unavailable(error: Exception) -> None:
    assert isinstance(error, FAILURES)
    assert isinstance(error, PASSING)
    told = translate(error, TARGET)
    assert isinstance(told, EngineUnavailable)
    assert "host:9042" in told.message
    assert "secret" not in told.message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (REFUSED, EngineMisconfigured),
        (cassandra.Unauthorized("no MODIFY permission"), EngineMisconfigured),
        (cassandra.InvalidRequest("table assets does not exist"), EngineMisconfigured),
        (cassandra.InvalidRequest("unconfigured table assets"), EngineMisconfigured),
        (cassandra.InvalidRequest("Key length of 70000 is too long"), InvalidRequest),
        (SyntaxException(0x2000, "line 1", None), InvalidRequest),
        (
            cassandra.InvalidRequest(
                "Guardrail replica_disk_usage violated: Write request failed because "
                "disk usage exceeds failure threshold"
            ),
            StorageFull,
        ),
    ],
)
def test_what_is_refused_is_told_and_never_tried_again(
    error: Exception, expected: type[Exception]
) -> None:
    assert isinstance(error, FAILURES)
    assert not isinstance(error, PASSING)
    assert isinstance(translate(error, TARGET), expected)


def test_a_wrong_password_is_told_though_it_comes_as_no_host() -> None:
    told = translate(NoHostAvailable("none", {"host": REFUSED}), TARGET)
    assert isinstance(told, EngineMisconfigured)
    assert "'someone'" in told.message
