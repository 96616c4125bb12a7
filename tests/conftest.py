"""A real PostgreSQL and a fresh migrated database for tests; the table of the published suites after them."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.db import create_database, embedded, migrate
from tests.tally import drain, table

_numbers = itertools.count()
_rows: list[dict[str, Any]] = []


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """What a test counted of a published suite travels with its report, from whichever process it ran in."""
    item.user_properties.extend(("suite", row) for row in drain())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        _rows.extend(row for name, row in report.user_properties if name == "suite" and isinstance(row, dict))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One table of the published suites at the end of the run: wrong accepts, wrong rejects, crashes, time-outs."""
    if _rows:
        terminalreporter.section("published suites")
        for line in table(_rows):
            terminalreporter.write_line(line)


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
