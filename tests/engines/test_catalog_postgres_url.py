"""What a PostgreSQL catalog's URL may say; no server is needed."""

import pytest

from mediakiln.adapters.catalog.postgres import PostgresCatalog
from mediakiln.adapters.catalog.postgres.options import Options
from mediakiln.model.errors import EngineMisconfigured

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("postgres")]


def test_every_option_has_its_place() -> None:
    options = Options.from_url(
        "postgresql://me:s%40cret@one:5432,two:5433/media?schema=tests&pool=3&timeout=1.5"
        "&connect_timeout=2&application_name=here&sslmode=require&target_session_attrs=read-write"
    )
    assert options == Options(
        dsn="postgresql://me:s%40cret@one:5432,two:5433/media"
        "?sslmode=require&target_session_attrs=read-write",
        where="postgresql://me@one:5432,two:5433/media",
        schema="tests",
        pool=3,
        timeout=1.5,
        connect_timeout=2.0,
        application_name="here",
    )


def test_a_bare_url_has_the_defaults() -> None:
    options = Options.from_url("postgresql://host/media")
    assert (options.dsn, options.where) == ("postgresql://host/media",) * 2
    assert (options.schema, options.pool) == ("mediakiln", 8)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://h/d", "not a PostgreSQL"),
        ("no url", "not a PostgreSQL"),
        ("postgresql://me:secret@", "no host or no database"),
        ("postgresql://me:secret@host", "no host or no database"),
        ("postgresql:///media", "no host or no database"),
        ("postgresql://[::1/media", "is none"),
        ("postgresql://me:secret@h/d?shcema=x", "unknown option 'shcema'"),
        ("postgresql://me:secret@h/d?statement_timeout=5", "unknown option 'statement_timeout'"),
        ("postgresql://me:secret@h/d?schema=A-b", "schema='A-b'"),
        ("postgresql://me:secret@h/d?schema=pg_mine", "schema='pg_mine'"),
        ("postgresql://me:secret@h/d?schema=", "schema=''"),
        ("postgresql://me:secret@h/d?pool=0", "pool='0'"),
        ("postgresql://me:secret@h/d?pool=many", "pool='many'"),
        ("postgresql://me:secret@h/d?timeout=inf", "timeout='inf'"),
        ("postgresql://me:secret@h/d?timeout=soon", "timeout='soon'"),
        ("postgresql://me:secret@h/d?connect_timeout=-1", "connect_timeout='-1'"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_showing_the_password(
    url: str, says: str
) -> None:
    with pytest.raises(EngineMisconfigured) as refusal:
        PostgresCatalog.from_url(url)
    assert says in str(refusal.value)
    assert "secret" not in f"{refusal.value} {refusal.value.context}"
