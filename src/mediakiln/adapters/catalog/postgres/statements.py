"""The catalog's SQL. Each write is one statement, hence one transaction and one round trip."""

import functools

_INSERT = """
INSERT INTO assets (id, project, state, kind, created_at, updated_at, due_at, shard, version,
    mutation_id, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO NOTHING RETURNING id, shard
"""
# `version` is the new one; the expected one is its predecessor. What never changes is compared in
# a way that no index serves, which leaves the primary key as the one way to the row.
_UPDATE = """
UPDATE assets
SET state = $3, kind = $4, updated_at = $6, due_at = $7, version = $9, mutation_id = $10,
    body = $11
WHERE id = $1 AND version = $9 - 1
    AND (project, created_at, shard) IS NOT DISTINCT FROM ($2, $5, $8)
RETURNING id, shard
"""
# The row's lock is taken before numbers are drawn, so they are in the order of the writes.
_WITH_EVENTS = """
WITH written AS ({write}), kept AS (
    INSERT INTO outbox (asset, shard, message, topic, key, project, delay, body, created_at)
    SELECT written.id, written.shard, event.message, event.topic, event.key, event.project,
        event.delay, event.body, $12
    FROM written, unnest($13::text[], $14::text[], $15::text[], $16::text[], $17::float8[],
        $18::bytea[]) WITH ORDINALITY
        AS event (message, topic, key, project, delay, body, position)
    ORDER BY event.position
    ON CONFLICT (asset, message) DO NOTHING
)
SELECT id FROM written
"""

INSERT, UPDATE = _INSERT, _UPDATE
INSERT_WITH_EVENTS = _WITH_EVENTS.format(write=_INSERT)
UPDATE_WITH_EVENTS = _WITH_EVENTS.format(write=_UPDATE)

GET = "SELECT body FROM assets WHERE id = $1"
GET_MANY = "SELECT id, body FROM assets WHERE id = ANY($1::text[])"
DUE = "SELECT body FROM assets WHERE shard = $1 AND due_at < $2 ORDER BY due_at, id LIMIT $3"
OUTBOX = """
SELECT asset, topic, message, key, project, body, delay, created_at FROM outbox
WHERE shard = $1 AND created_at < $2 ORDER BY seq LIMIT $3
"""
# A mark may be lost in a crash, so its commit does not wait for the disk.
SENT = """
DELETE FROM outbox USING unnest($1::text[], $2::text[]) AS mark (asset, message)
WHERE outbox.asset = mark.asset AND outbox.message = mark.message
    AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
"""

# Of records, $1 is the space, $2 the key, $3 the present.
RECORD_GET = """
SELECT key, value, version, expires_at FROM records
WHERE space = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)
"""
RECORD_INSERT = """
INSERT INTO records AS old (space, key, version, value, expires_at)
VALUES ($1, $2, $4, $5, $6)
ON CONFLICT (space, key) DO UPDATE
SET version = excluded.version, value = excluded.value, expires_at = excluded.expires_at
WHERE old.expires_at <= $3
RETURNING version
"""
RECORD_UPDATE = """
UPDATE records SET version = $4, value = $5, expires_at = $6
WHERE space = $1 AND key = $2 AND version = $7 AND (expires_at IS NULL OR expires_at > $3)
RETURNING version
"""
RECORD_DELETE = "DELETE FROM records WHERE space = $1 AND key = $2"
RECORD_DELETE_VERSION = """
DELETE FROM records WHERE space = $1 AND key = $2 AND version = $3 RETURNING version
"""
RECORD_LIST = """
SELECT key, value, version, expires_at FROM records
WHERE space = $1 AND key >= $2 AND (expires_at IS NULL OR expires_at > $3)
ORDER BY key LIMIT $4
"""
RECORD_LIST_UNTIL = RECORD_LIST.replace("ORDER BY", "AND key < $5 ORDER BY")
# Other processes may be purging too: each takes rows that nobody holds.
RECORD_PURGE = """
DELETE FROM records WHERE (space, key) IN (
    SELECT space, key FROM records WHERE expires_at <= $1
    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


@functools.cache
def page(*, state: bool, kind: bool, after: bool) -> str:
    """A page of a project's assets, newest first; each combination of filters has its index.

    Parameters: project, limit, then state and kind if given, then `created_at` and id of the
    last asset seen.
    """
    wanted, count = ["project = $1"], 2
    for name in ["state"] * state + ["kind"] * kind:
        count += 1
        wanted.append(f"{name} = ${count}")
    if after:
        wanted.append(f"(created_at, id) < (${count + 1}, ${count + 2})")
    return (
        f"SELECT body FROM assets WHERE {' AND '.join(wanted)} "  # noqa: S608 - our own words
        "ORDER BY created_at DESC, id DESC LIMIT $2"
    )
