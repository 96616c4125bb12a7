"""The SQL that all parts of an audit share: one moment of the database, read by many connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

Snapshot = psycopg.Connection[TupleRow]


@contextmanager
def read_at(dsn: str, snapshot: str | None = None) -> Iterator[Snapshot]:
    """A connection that sees one moment of the database and writes nothing; that of `snapshot`, if given."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=1) as connection:
        set_json_loads(orjson.loads, connection)
        connection.execute("SET TIME ZONE 'UTC'")
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if snapshot is not None:
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
            yield connection


def name_snapshot(connection: Snapshot) -> str:
    """The name under which other connections see the same moment, as long as this transaction lasts."""
    return str(rows(connection, "SELECT pg_export_snapshot()")[0][0])


def rows(connection: Snapshot, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the query gives. Values come in binary, so that bytes need no decoding."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query.encode(), parameters)
        return cursor.fetchall()


def one(connection: Snapshot, query: str, *parameters: Any) -> Any:
    """The only value that the query gives."""
    return rows(connection, query, *parameters)[0][0]


def whole(connection: Snapshot, given: bytes | None, query: str, *parameters: Any) -> bytes:
    """The bytes that came with the row, or, where they are many and did not, read apart."""
    return bytes(one(connection, query, *parameters)) if given is None else bytes(given)
