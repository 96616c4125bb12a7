"""A real PostgreSQL and a fresh migrated database for tests; the table of the published suites after them."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling

from gateway.db import create_database, embedded, migrate
from tests.tally import drain, table

_numbers = itertools.count()
_rows: dict[str, list[dict[str, Any]]] = {"suite": [], "fuzz": []}


class _OneHouse(LoadScopeScheduling):
    """Tests are dealt out one by one, but for those that share the console's house: one process has them all."""

    def _split_scope(self, nodeid: str) -> str:
        return "console" if nodeid.startswith("tests/console/test_console_") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In place of `--dist loadgroup`: pytest-xdist 3.8 writes its marks where pytest 9.2 does not read them."""
    return _OneHouse(config, log)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """What a test counted of a published suite travels with its report, from whichever process it ran in."""
    item.user_properties.extend(("suite", row) for row in drain())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        for name, row in report.user_properties:
            if name in _rows and isinstance(row, dict):
                _rows[name].append(row)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One table of the published suites at the end of the run, and what the fuzzing did."""
    if suites := _rows["suite"]:
        terminalreporter.section("published suites")
        for line in table(suites):
            terminalreporter.write_line(line)
    if targets := _rows["fuzz"]:
        terminalreporter.section(f"fuzzing with FUZZ_SEED={targets[0]['seed']}")
        for row in sorted(targets, key=lambda row: str(row["target"])):
            terminalreporter.write_line(f"{row['target']:24}{row['inputs']:>8} inputs{row['slowest']:>10.2f} s slowest")


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
