"""Kafka's errors in the platform's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, MediakilnError

# The client's own codes begin with an underscore: they are public, unlike what the rule is for.
TIMED_OUT = KafkaError._TIMED_OUT  # noqa: SLF001
PARTITION_EOF = KafkaError._PARTITION_EOF  # noqa: SLF001
UNKNOWN_PARTITION = KafkaError._UNKNOWN_PARTITION  # noqa: SLF001
UNKNOWN_TOPIC = KafkaError._UNKNOWN_TOPIC  # noqa: SLF001
ALL_BROKERS_DOWN = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
AUTHENTICATION = KafkaError._AUTHENTICATION  # noqa: SLF001
SSL = KafkaError._SSL  # noqa: SLF001

_LOGIN = {
    AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
}
_FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_REMEDIES = {
    KafkaError.INVALID_REPLICATION_FACTOR: "set replication to at most the number of brokers",
    KafkaError.UNSUPPORTED_VERSION: "use Kafka 2.4 or newer",
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: "use Kafka 2.4 or newer",
    KafkaError.POLICY_VIOLATION: "the cluster's policy refuses these topics: ask who runs it",
    KafkaError.MSG_SIZE_TOO_LARGE: "set the cluster's message.max.bytes to 128 KiB or more",
    KafkaError.FENCED_INSTANCE_ID: "give each machine an instance of its own",
    KafkaError.INVALID_SESSION_TIMEOUT: "set session within the cluster's"
    " group.min.session.timeout.ms and group.max.session.timeout.ms",
}


def translated(error: KafkaError | KafkaException | None, doing: str) -> MediakilnError:
    """The error to raise for what Kafka said while we were `doing` something."""
    if isinstance(error, KafkaException):
        error = error.args[0] if isinstance(error.args[0], KafkaError) else None
    if error is None:
        return EngineUnavailable(f"Kafka failed while {doing}")
    code, text = error.code(), error.str() or error.name()
    if code == SSL:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: no TLS with Kafka while {doing}: {text}",
            hint="check tls, ca, certificate and key of the address, and the brokers' certificates",
        )
    if code in _LOGIN:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: Kafka refused the login while {doing}: {text}",
            hint="check user, password, sasl and tls of the address",
        )
    if code in _FORBIDDEN:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: Kafka allows this user no {doing}: {text}",
            hint="grant it create, read, write and describe on the prefix's topics and groups",
        )
    if code in _REMEDIES:
        return EngineMisconfigured(
            f"MEDIAKILN_BROKER: Kafka refused {doing}: {text}", hint=_REMEDIES[code]
        )
    return EngineUnavailable(
        f"Kafka failed while {doing}: {text}",
        hint="check that it runs, and whether this port of it wants tls and sasl",
    )


@contextmanager
def translating(doing: str) -> Iterator[None]:
    """Raise what Kafka's client raises inside in the platform's words."""
    try:
        yield
    except KafkaException as error:
        raise translated(error, doing) from error


class Health:
    """What the clients of one broker heard about their connections, from any thread."""

    def __init__(self) -> None:
        self._refusal: KafkaError | None = None
        self._down: KafkaError | None = None

    def note(self, error: KafkaError) -> None:
        """A client's `error_cb`."""
        if error.code() in {*_LOGIN, SSL}:
            self._refusal = error
        elif error.code() == ALL_BROKERS_DOWN:
            self._down = error

    def clear(self) -> None:
        """A request was answered."""
        self._refusal = self._down = None

    def doubt(self) -> KafkaError | None:
        """The reason to think that requests are not answered."""
        return self._refusal or self._down

    def explain(self, error: MediakilnError, doing: str) -> MediakilnError:
        """A refused login instead of the time-out that it ends in."""
        if self._refusal is not None and isinstance(error, EngineUnavailable):
            return translated(self._refusal, doing)
        return error
