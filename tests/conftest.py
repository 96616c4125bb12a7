"""Fixtures that many tests need: a real PostgreSQL, and a fresh migrated database for each test."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.db import create_database, embedded, migrate

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of a real PostgreSQL server, one for each test process, with a migrated template database."""
    # Not below pytest's own folder, which the server's account may not enter.
    with tempfile.TemporaryDirectory(prefix="gateway-test-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        with embedded(folder / "data") as dsn:
            migrate(create_database(dsn, "template_migrated"))
            yield dsn


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    """A fresh, migrated database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield create_database(postgres, name, template="template_migrated")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))
