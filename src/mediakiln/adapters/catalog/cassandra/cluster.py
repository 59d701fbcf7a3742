"""Opening a session; everything here blocks, and runs in a thread."""

import re
import socket

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import dict_factory

from mediakiln.adapters.catalog.cassandra.errors import FAILURES, translate
from mediakiln.adapters.catalog.cassandra.target import Target
from mediakiln.model.errors import EngineMisconfigured, MediakilnError

OLDEST = (4, 0)
"""Before it, a lightweight transaction that timed out could come back after a read denied it
(CASSANDRA-12126)."""
_CONNECT_S = 5.0
_RECONNECT_S = (0.5, 5.0)  # the first pause, and the longest
_PROTOCOL = 4  # the newest that every release since 3.0 speaks, so that old ones can be named


def open_session(target: Target) -> Session:
    """Connect, and check that this is a cluster to work with.

    Raises:
        EngineUnavailable: no contact point answers.
        EngineMisconfigured: wrong password, data centre or version.
    """
    try:
        cluster = _cluster(target)
    except FAILURES as error:
        raise translate(error, target) from error
    try:
        session = cluster.connect()
        session.default_fetch_size = None  # every query has its own limit
        version = session.execute("SELECT release_version FROM system.local").one()
        check_version(version["release_version"])
        _check_dc(cluster, target)
    except FAILURES as error:
        try:
            _check_dc(cluster, target)
            raise translate(error, target) from error
        finally:
            cluster.shutdown()
    except MediakilnError:
        cluster.shutdown()
        raise
    return session


def check_version(found: str) -> None:
    """Refuse what is too old.

    Raises:
        EngineMisconfigured: older than 4.0.
    """
    numbers = re.match(r"(\d+)\.(\d+)", found)
    if numbers is None or tuple(map(int, numbers.groups())) < OLDEST:
        raise EngineMisconfigured(
            f"MEDIAKILN_CATALOG leads to Cassandra {found}", hint="4.0 or newer is needed"
        )


def _cluster(target: Target) -> Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(target.dc or "")),
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=ConsistencyLevel.QUORUM,
        serial_consistency_level=ConsistencyLevel.SERIAL,
        request_timeout=target.timeout_s,
        row_factory=dict_factory,
    )
    login = None
    if target.user is not None:
        login = PlainTextAuthProvider(target.user, target.password)
    return Cluster(
        contact_points=list(target.hosts),
        protocol_version=_PROTOCOL,
        auth_provider=login,
        ssl_context=target.tls.context() if target.tls else None,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ExponentialReconnectionPolicy(*_RECONNECT_S, max_attempts=None),
        # A request of several writes to the socket would wait 40 ms for the peer's delayed ACK.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        connect_timeout=_CONNECT_S,
        control_connection_timeout=_CONNECT_S,
    )


def _check_dc(cluster: Cluster, target: Target) -> None:
    found = sorted({host.datacenter for host in cluster.metadata.all_hosts() if host.datacenter})
    if target.dc is not None and found and target.dc not in found:
        raise EngineMisconfigured(
            f"MEDIAKILN_CATALOG says dc={target.dc}; the cluster has {', '.join(found)}",
            hint=f"use dc={found[0]}",
        )
