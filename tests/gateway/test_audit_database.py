"""The audit of the database: what was not touched passes, and what anybody changed in it is found and named."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from house import next_number, world
from service import Service, provisioned, serve
from test_bundle import life

from gateway.app import build, publish_now
from gateway.audit.run import Database, audit
from gateway.cli import main
from gateway.commands.audit import log_keys
from gateway.config import load_config
from gateway.db import create_database
from schemas.verification import Check, Outcome


async def _populate(service: Service) -> None:
    """Some of everything: messages of several formats, documents, filings, awards, registries, refused ones."""
    for letter in "CA":
        await life(service, world().insurer(f"SANDBOX-{letter}"))
    insurer = world().insurer("SANDBOX-C")
    facts = world().policy(insurer, next_number())
    assert (await service.submit(insurer, facts)).status == 201
    service.later(seconds=5)
    await service.submit(insurer, world().receipt(facts, amount="1.00"))
    await publish_now(service.gateway)
    for _ in range(50):  # another publisher may be at it
        await publish_now(service.gateway)
        async with service.gateway.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT (SELECT size FROM ledger_head) = (SELECT max(size) FROM ledger_checkpoints)"
            )
            if (await cursor.fetchone() or (False,))[0]:
                return
        await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def populated(postgres: str) -> Iterator[str]:
    """A database in which much has happened."""
    name = f"populated_{os.getpid()}"
    dsn = create_database(postgres, name, template="template_migrated")
    serve(dsn, _populate)
    yield name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture
def copy(postgres: str, populated: str) -> Iterator[str]:
    """A copy of it to do anything with."""
    name = f"copy_{os.getpid()}_{next_number()}"
    yield create_database(postgres, name, template=populated)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


def audited(dsn: str, *, jobs: int = 1) -> list[Check]:
    gateway = build(load_config(provisioned().config, {}, dsn=dsn))
    database = Database(dsn, gateway.config.participants)
    return list(audit(database, log_keys(gateway), jobs=jobs, progress=lambda done, of: None))


def named(checks: list[Check]) -> set[tuple[str, str | None, str]]:
    return {(one.rule, one.reason, str(one.facts.get("table", one.facts.get("step", "")))) for one in checks}


def test_what_was_not_touched_passes(copy: str) -> None:
    assert audited(copy) == []


@dataclass(frozen=True)
class Tampering:
    """What somebody who owns the database does to it: on which table, by which statement, and what has to be said."""

    what: str
    table: str
    sql: str
    rule: str
    reason: str


_LAST_PREMIUM = "(SELECT max(position) FROM premiums)"
_ONE = "(SELECT min(id) FROM submissions)"
TAMPERINGS = (
    Tampering(
        "an amount in a message's bytes",
        "submissions",
        "UPDATE submissions SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE id = " + _ONE,
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a message's bytes and their digest",
        "submissions",
        "UPDATE submissions SET body = body || '\\x20', "
        "body_digest = 'sha256:' || encode(sha256(body || '\\x20'), 'hex') WHERE id = " + _ONE,
        "audit.rows",
        "unsigned",
    ),
    Tampering(
        "a message removed",
        "submissions",
        "DELETE FROM submissions WHERE id = " + _ONE,
        "audit.rows",
        "missing",
    ),
    Tampering(
        "a message added",
        "submissions",
        "INSERT INTO submissions SELECT 'S' || md5('x'), insurer, 'm-x', keyid, 'n-x', received_at, content_type, "
        "body_digest, body, request, status, receipt, mapping FROM submissions WHERE id = " + _ONE,
        "audit.rows",
        "added",
    ),
    Tampering(
        "what a message was told",
        "submissions",
        "UPDATE submissions SET receipt = convert_to(regexp_replace(convert_from(receipt, 'UTF8'), "
        '\'"outcome":"(passed|failed)"\', \'"outcome":"indeterminate"\'), \'UTF8\') WHERE id = ' + _ONE,
        "audit.rows",
        "changed",
    ),
    Tampering(
        "who is said to have signed",
        "submissions",
        "UPDATE submissions SET request = jsonb_set(request, '{signature}', to_jsonb(repeat('A', 86) || '==')) "
        "WHERE id = " + _ONE,
        "audit.rows",
        "unsigned",
    ),
    Tampering(
        "a status column",
        "submissions",
        "UPDATE submissions SET status = 'verified' WHERE id = "
        "(SELECT min(id) FROM submissions WHERE status <> 'verified')",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "an amount in a record",
        "records",
        "UPDATE records SET record = jsonb_set(record, '{amount}', '\"9999999.00\"') WHERE seq = "
        "(SELECT min(seq) FROM records WHERE type = 'premium_receipt')",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a record removed",
        "records",
        "DELETE FROM records WHERE seq = (SELECT min(seq) FROM records WHERE type = 'premium_refund')",
        "audit.rows",
        "missing",
    ),
    Tampering(
        "a record added",
        "records",
        "INSERT INTO records (submission_id, insurer, type, policy_no, number, known_at, outcome, record, lineage) "
        "SELECT submission_id, insurer, type, policy_no, number || 'X', known_at, outcome, record, lineage "
        "FROM records WHERE type = 'premium_receipt' LIMIT 1",
        "audit.rows",
        "added",
    ),
    Tampering(
        "the verdict on a record",
        "records",
        "UPDATE records SET outcome = CASE outcome WHEN 'failed' THEN 'passed' ELSE 'failed' END "
        "WHERE seq = (SELECT min(seq) FROM records)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "two records in another order",
        "records",
        "ALTER TABLE records ALTER COLUMN seq DROP IDENTITY; "
        "UPDATE records SET seq = -seq WHERE seq = (SELECT max(seq) FROM records)",
        "audit.rows",
        "reordered",
    ),
    Tampering(
        "the amount of a verified premium",
        "premiums",
        "UPDATE premiums SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'), "
        "'\"net_paid\":\"[0-9]+', '\"net_paid\":\"1'), 'UTF8') "
        "WHERE position = (SELECT min(position) FROM premiums WHERE status = 'verified')",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "the column that a subsidy reads",
        "premiums",
        "UPDATE premiums SET net_paid = '1.00' WHERE position = "
        "(SELECT min(position) FROM premiums WHERE net_paid IS NOT NULL)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a revision removed",
        "premiums",
        "DELETE FROM premiums WHERE position = " + _LAST_PREMIUM,
        "audit.rows",
        "missing",
    ),
    Tampering(
        "a revision added",
        "premiums",
        "INSERT INTO premiums SELECT position + 1, insurer, policy_no, revision + 1, 'verified', known_at, leaf_index, "
        "leaf_hash, signature, policy_submission, net_paid, body, worth FROM premiums WHERE position = "
        + _LAST_PREMIUM,
        "audit.rows",
        "added",
    ),
    Tampering(
        "two revisions in another order of the feed",
        "premiums",
        "UPDATE premiums SET position = CASE position WHEN 0 THEN -2 ELSE -1 END WHERE position IN (0, 1); "
        "UPDATE premiums SET position = CASE position WHEN -1 THEN 0 ELSE 1 END WHERE position < 0",
        "audit.rows",
        "reordered",
    ),
    Tampering(
        "a movement of money",
        "movements",
        "UPDATE movements SET amount = amount + 1 WHERE id = (SELECT min(id) FROM movements)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "the day of a movement",
        "movements",
        "UPDATE movements SET day = day + 400 WHERE id = (SELECT min(id) FROM movements)",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "a movement removed",
        "movements",
        "DELETE FROM movements WHERE id = (SELECT min(id) FROM movements)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a document's bytes",
        "documents",
        "UPDATE documents SET bytes = set_byte(bytes, 99, get_byte(bytes, 99) # 1)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a verdict on a document",
        "document_verdicts",
        "UPDATE document_verdicts SET outcome = 'failed', "
        "verdict = jsonb_set(verdict, '{report,outcome}', '\"failed\"')",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a filing's statement",
        "filings",
        "UPDATE filings SET statement = jsonb_set(statement, '{registered_on}', '\"2001-01-01\"') WHERE id = "
        "(SELECT min(id) FROM filings)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "a filing removed",
        "filings",
        "DELETE FROM filings WHERE id = (SELECT max(id) FROM filings)",
        "audit.rows",
        "missing",
    ),
    Tampering(
        "a filing's file",
        "filing_files",
        "UPDATE filing_files SET bytes = bytes || '\\x20'",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "what a search finds",
        "premium_facts",
        "UPDATE premium_facts SET holder_code = 'X' WHERE position = (SELECT min(position) FROM premium_facts)",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "what the compliance board counts",
        "compliance_facts",
        "UPDATE compliance_facts SET outcomes = 'ppppppp' WHERE position = (SELECT min(position) FROM "
        "compliance_facts)",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "the numbers of the compliance board",
        "compliance_days",
        "UPDATE compliance_days SET change = change + 1",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "the months of the compliance board",
        "compliance_months",
        "UPDATE compliance_months SET change = change + 1",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "what is at stake",
        "impact_standing",
        "UPDATE impact_standing SET net_paid = '1.00'",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "the name of a set of rules",
        "impact_rules",
        "UPDATE impact_rules SET rules = rules[2:]",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "what a premium rests on",
        "impact_grounds",
        "DELETE FROM impact_grounds WHERE kind = 'clause'",
        "audit.derived",
        "missing",
    ),
    Tampering(
        "who sealed a document",
        "impact_signers",
        "DELETE FROM impact_signers WHERE kind = 'certificate'",
        "audit.derived",
        "missing",
    ),
    Tampering(
        "what is earned of a premium",
        "exposure_facts",
        "UPDATE exposure_facts SET due = due + 1",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "the months of what is earned",
        "exposure_months",
        "UPDATE exposure_months SET due = due + 1",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "the totals of a day",
        "day_records",
        "UPDATE day_records SET amount = amount + 1 WHERE seq = (SELECT min(seq) FROM day_records)",
        "audit.derived",
        "changed",
    ),
    Tampering(
        "who told a product first",
        "product_claims",
        "DELETE FROM product_claims",
        "audit.derived",
        "missing",
    ),
    Tampering(
        "an entry of the log",
        "ledger_entries",
        "ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_hashed; "
        "UPDATE ledger_entries SET data = data || '\\x20' WHERE index = 3",
        "log.entries",
        "wrong-hash",
    ),
    Tampering(
        "an entry with a hash that fits",
        "ledger_entries",
        "ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_hashed; "
        "UPDATE ledger_entries SET data = convert_to(replace(convert_from(data, 'UTF8'), "
        "'\"held\"', '\"verified\"'), "
        "'UTF8') WHERE index = (SELECT min(leaf_index) FROM premiums WHERE status = 'held'); "
        "UPDATE ledger_entries SET leaf_hash = sha256('\\x00'::bytea || data)",
        "log.checkpoints",
        "differs",
    ),
    Tampering(
        "the last entries cut off",
        "ledger_entries",
        "DELETE FROM ledger_entries WHERE index = (SELECT max(index) FROM ledger_entries)",
        "log.entries",
        "missing",
    ),
    Tampering(
        "a checkpoint that nobody signed",
        "ledger_checkpoints",
        "UPDATE ledger_checkpoints SET root = sha256('x') WHERE size = (SELECT max(size) FROM ledger_checkpoints)",
        "log.checkpoints",
        "other-columns",
    ),
)


def tamper(dsn: str, one: Tampering) -> None:
    """Past everything that protects the table, and with everything put back as it was."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"ALTER TABLE {one.table} DISABLE TRIGGER ALL".encode())
        connection.execute(one.sql.encode())
        connection.execute(f"ALTER TABLE {one.table} ENABLE TRIGGER ALL".encode())


@pytest.mark.parametrize("one", TAMPERINGS, ids=[one.what.replace(" ", "-") for one in TAMPERINGS])
def test_what_was_changed_is_found_and_named(copy: str, one: Tampering) -> None:
    tamper(copy, one)
    found = audited(copy)
    table = one.table if one.rule.startswith("audit.") else ""
    assert (one.rule, one.reason, table) in named(found), [check.model_dump(mode="json") for check in found]
    assert all(check.outcome is not Outcome.PASSED for check in found)


def test_a_row_altered_and_then_given_a_checkpoint_again_is_found_by_what_was_published(copy: str) -> None:
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute("ALTER TABLE premiums DISABLE TRIGGER append_only")
        connection.execute(
            "CREATE OR REPLACE FUNCTION folded_name(name text) RETURNS text LANGUAGE sql AS $$SELECT ''$$"
        )
        connection.execute("ALTER TABLE migrations DISABLE TRIGGER ALL")
        connection.execute("UPDATE migrations SET digest = 'x' WHERE name = '0001_base.sql'")
        connection.execute("ALTER TABLE migrations ENABLE TRIGGER ALL")
    found = named(audited(copy))
    assert ("audit.schema", "trigger", "premiums") in found
    assert ("audit.schema", "migration", "migrations") in found
    assert ("audit.schema", "function", "functions") in found


def _config(tmp_path: Path, dsn: str) -> Path:
    lines = provisioned().config.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("dsn")]
    file = provisioned().config.parent / f"audit-{os.getpid()}-{next_number()}.toml"
    file.write_text("\n".join([f'dsn = "{dsn}"', *kept]) + "\n", encoding="utf-8")
    return file


def lines_of(captured: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in captured.readouterr().out.splitlines()]


def test_the_command_replays_verdicts_and_goes_on_where_it_was(copy: str, tmp_path: Path, capsysbinary: Any) -> None:
    config = str(_config(tmp_path, copy))
    assert main(["log", "audit", "--config", config, "--replay", "all", "--json"]) == 0
    (last,) = lines_of(capsysbinary)
    assert (last["outcome"], last["replayed"], last["findings"]) == ("passed", 3, 0)
    with psycopg.connect(copy) as connection:
        premiums = connection.execute(
            "SELECT insurer, policy_no FROM premiums WHERE revision = 1 "
            'ORDER BY insurer COLLATE "C", policy_no COLLATE "C"'
        ).fetchall()
    first = "/".join(premiums[0])
    assert main(["log", "audit", "--config", config, "--replay", "all", "--after", first, "--json"]) == 0
    assert lines_of(capsysbinary)[-1]["replayed"] == 2
    assert main(["log", "audit", "--config", config, "--replay", "1", "--jobs", "2", "--json"]) == 0
    assert lines_of(capsysbinary)[-1]["replayed"] == 1
    assert main(["log", "audit", "--config", config, "--replay", "few"]) == 64
    assert main(["log", "audit", "--config", config, "--after", first]) == 64
    # A message that was logged as it is now, and a verdict that does not follow from it: only replaying tells.
    tamper(
        copy,
        Tampering(
            "",
            "document_verdicts",
            "UPDATE document_verdicts SET verdict = jsonb_set(verdict, '{owners}', '[]')",
            "audit.replay",
            "differs",
        ),
    )
    assert main(["log", "audit", "--config", config, "--json", "--replay", "all"]) == 1
    found = lines_of(capsysbinary)
    assert {(one["rule"], one["reason"], one["facts"]["step"]) for one in found[:-1]} >= {
        ("audit.replay", "differs", "seals")
    }
    assert main(["log", "audit", "--config", config, "--lang", "en"]) == 0
    capsysbinary.readouterr()
