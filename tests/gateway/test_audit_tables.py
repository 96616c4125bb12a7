"""Every table is held against something or says why not; what the log does not speak of is held against itself."""

import ast
import base64
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from house import AT, next_number, world
from service import Service, provisioned, serve
from test_audit_database import Tampering, named, tamper
from test_batches import done, post
from test_bundle import connect_archive
from test_ledger import ed25519
from test_lives_registries import delivery
from test_mappings import approve, proposal, propose, two
from test_own_keys import described

from gateway.app import build, publish_now
from gateway.audit.run import Database, audit
from gateway.audit.store import read_at
from gateway.audit.tables import list_tables, load_tables
from gateway.commands.audit import log_keys
from gateway.commands.key import end_in
from gateway.config import load_config
from gateway.db import create_database
from gateway.ledger import store
from gateway.ledger.cosignature import cosign, cosigner_key
from gateway.ledger.merkle import leaf_hash, tree_root
from gateway.participants import ParticipantKey
from schemas.verification import Check

WITNESS = cosigner_key("witness.example/w1", ed25519(8))


def test_every_table_says_what_it_is_held_against_or_why_not(dsn: str) -> None:
    listed = load_tables()
    with read_at(dsn) as connection:
        there = list_tables(connection)
    assert listed.keys() == there, "state new tables in gateway/audit/tables.toml"
    held = {one.name for one in listed.values() if one.against is not None}
    assert held - tampered() <= {"migrations"}, "every table that is held against something has a tampering"
    assert all(text and text.strip() for one in listed.values() for text in [one.against or one.unaudited])


def tampered() -> set[str]:
    """The tables of every `Tampering(what, table, …)` of the tests here, and its kin, in whichever file it stands."""
    found, kin = set(), ("Tampering", "of", "Spoilt")
    for file in Path(__file__).parent.glob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        if "Tampering" not in text and "TAMPERINGS" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kin:
                found |= {one.value for one in node.args[:2] if isinstance(one, ast.Constant)}
    return found


async def _batch(service: Service) -> None:
    who = world().insurer("SANDBOX-C")
    one, other = (world().policy(who, next_number()) for _ in range(2))
    sent = (one, world().receipt(one), delivery(one, f"8{next_number():019d}", f"8{next_number():019d}"), other)
    lines = [
        orjson.dumps(orjson.loads(world().render_message(who, [part], f"a-{n}")[1])) for n, part in enumerate(sent)
    ]
    conflict = orjson.dumps({**orjson.loads(lines[3]), "message_id": "a-0"})
    lines += [b"", b'{"not": "json', lines[0], conflict, b"x" * 200_001]
    root = base64.b64encode(tree_root([leaf_hash(line) for line in lines])).decode()
    headers = {"content-type": "application/jsonl", "batch-lines": f"sha-256=:{root}:"}
    batch = (await post(service, who.code, b"\r\n".join(lines), headers)).json()["batch"]
    told = await done(service, who.code, batch)
    assert (told["rows"], told["conflicts"]) == (9, 1)
    whole = world().render_message(who, [world().policy(who, next_number())], f"m-{next_number()}")
    await done(service, who.code, (await post(service, who.code, whole[1], {"content-type": whole[0]})).json()["batch"])


async def _populate(service: Service, folder: Path) -> None:
    await service.push_filings()
    await _batch(service)
    await connect_archive(service, world().policy(world().insurer("SANDBOX-C"), next_number()).body["product"])
    known = two(folder)
    sent = (await service.call("REGULATOR", "GET", "/v1/oversight/held")).json()["items"][0]
    question = orjson.dumps({"subject": sent["subject"], "question": "为何"})
    asked = await service.call("REGULATOR", "POST", "/v1/inquiries", question)
    assert asked.status == 201, asked.body
    answer = f"/v1/inquiries/{asked.json()['id']}/answer"
    assert (await service.call("SANDBOX-C", "POST", answer, orjson.dumps({"text": "因为"}))).status == 201
    first = await propose(service, proposal(known, service))
    second = await propose(service, proposal(known, service, reason="再一次"))
    assert (first.status, second.status) == (201, 201), second.body
    service.later(seconds=1)
    assert (await approve(service, first)).status == 201
    key = ParticipantKey.model_validate(described(ed25519(3)))
    async with service.gateway.pool.connection() as connection:
        await end_in(connection, key, AT - timedelta(days=1), "rotated", service.gateway.config.log_origin, service.now)
    service.later(seconds=1)
    await publish_now(service.gateway)
    async with service.gateway.pool.connection() as connection:
        last = await store.find_last_checkpoint(connection)
        assert last is not None
        text = last.note.decode().partition("\n\n")[0] + "\n"
        made = cosign(text, WITNESS.name, ed25519(8), int(service.now.timestamp()))
        await store.insert_cosignature(connection, last.size, made)


@pytest.fixture(scope="module")
def populated(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with what the log does not speak of."""
    name = f"tables_{os.getpid()}"
    dsn = create_database(postgres, name, template="template_migrated")
    folder = tmp_path_factory.mktemp("mappings")
    serve(dsn, lambda service: _populate(service, folder), versions=two(folder), body_limit_bytes=200_000)
    yield name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture
def copy(postgres: str, populated: str) -> Iterator[str]:
    """A copy of it to do anything with."""
    name = f"tablecopy_{os.getpid()}_{next_number()}"
    yield create_database(postgres, name, template=populated)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


def audited(dsn: str, **how: Any) -> list[Check]:
    gateway = build(load_config(provisioned().config, {}, dsn=dsn))
    database = Database(dsn, gateway.config.participants, how.pop("witnesses", (WITNESS,)))
    return list(audit(database, log_keys(gateway), jobs=how.pop("jobs", 1), progress=lambda done, of: None))


def test_what_was_not_touched_passes_in_one_process_or_two(copy: str) -> None:
    assert audited(copy) == []
    assert audited(copy, jobs=2) == []
    (unknown,) = audited(copy, witnesses=())
    assert (unknown.reason, unknown.facts["table"]) == ("not-known", "ledger_cosignatures")


_LINE = "(SELECT b.id FROM batches b WHERE b.content_type = 'application/jsonl')"
_FLIPPED = "UPDATE {0} SET request = jsonb_set(request, '{{signature}}', to_jsonb(repeat('A', 86) || '=='))"


def of(what: str, table: str, sql: str, reason: str = "changed", rule: str = "audit.rows") -> Tampering:
    return Tampering(what, table, sql, rule, reason)


OTHERS = (
    of("a byte of a batch's file", "batch_chunks", "UPDATE batch_chunks SET bytes = set_byte(bytes, 9, 88)"),
    of(
        "a batch's file and its digest",
        "batches",
        "ALTER TABLE batch_chunks DISABLE TRIGGER ALL; UPDATE batch_chunks SET bytes = bytes || '\\x20'; "
        "ALTER TABLE batch_chunks ENABLE TRIGGER ALL; UPDATE batches SET size = size + 1, digest = (SELECT 'sha256:' "
        "|| encode(sha256(c.bytes), 'hex') FROM batch_chunks c WHERE c.batch = batches.id)",
        "unsigned",
    ),
    of("a chunk removed", "batch_chunks", "DELETE FROM batch_chunks"),
    of("what an authority asked", "inquiry_steps", "UPDATE inquiry_steps SET body = body || '\\x20' WHERE place = 0"),
    of("until when it asked", "inquiry_steps", "UPDATE inquiry_steps SET due_on = due_on + 1 WHERE place = 0"),
    of("an answer removed", "inquiry_steps", "DELETE FROM inquiry_steps WHERE place = 1", "missing"),
    of("who answered", "inquiry_steps", _FLIPPED.format("inquiry_steps"), "unsigned"),
    of("what a search leads to", "premium_search", "UPDATE premium_search SET position = -1", rule="audit.derived"),
    of("whose batch it is", "batches", "UPDATE batches SET insurer = 'SANDBOX-A' WHERE id = " + _LINE),
    of("who signed a batch", "batches", _FLIPPED.format("batches"), "unsigned"),
    of("what a batch is", "batches", "UPDATE batches SET content_type = 'application/x-ndjson' WHERE id = " + _LINE),
    of("a batch removed", "batches", "DELETE FROM batches WHERE id = " + _LINE, "missing"),
    of(
        "a batch without its answers",
        "batch_results",
        "DELETE FROM batch_results WHERE line = 2 AND batch = " + _LINE,
        "missing",
    ),
    of(
        "what a line was told",
        "batch_results",
        "UPDATE batch_results SET status = CASE status WHEN 'refused' THEN 'verified' ELSE 'refused' END "
        "WHERE line = 6 AND batch = " + _LINE,
    ),
    of(
        "two lines that change places",
        "batch_results",
        "UPDATE batch_results SET submission_id = (SELECT o.submission_id FROM batch_results o WHERE o.line = 4 "
        "AND o.batch = batch_results.batch) WHERE line = 2 AND batch = " + _LINE,
    ),
    of(
        "a line that was too long, it is said",
        "batch_results",
        "UPDATE batch_results SET status = 'refused', submission_id = NULL, checks = '[]' "
        "WHERE line = 2 AND batch = " + _LINE,
    ),
    of(
        "a line that nobody sent",
        "batch_results",
        "INSERT INTO batch_results SELECT batch, line + 100, status, submission_id, checks FROM batch_results "
        "WHERE line = 2",
        "added",
    ),
    of("how many came to what", "batch_progress", "UPDATE batch_progress SET held = held + 1"),
    of("how far a batch is", "batch_progress", "UPDATE batch_progress SET position = position - 1"),
    of("a batch that nobody works off", "batch_progress", "DELETE FROM batch_progress", "missing"),
    of(
        "whose line a message was",
        "submissions",
        "UPDATE submissions SET request = jsonb_set(request, '{batch,line}', '3') "
        "WHERE request #>> '{batch,line}' = '2'; ALTER TABLE batch_results DISABLE TRIGGER ALL",
        "missing",
    ),
    of(
        "a witness's line",
        "ledger_cosignatures",
        "UPDATE ledger_cosignatures SET line = replace(line, right(line, 9), 'AAAAAAA=' || E'\\n')",
    ),
    of("when a witness saw it", "ledger_cosignatures", "UPDATE ledger_cosignatures SET at = at - 86400"),
    of("another witness", "ledger_cosignatures", "UPDATE ledger_cosignatures SET name = 'witness.example/w2'"),
    of(
        "a cosignature on nothing",
        "ledger_cosignatures",
        "INSERT INTO ledger_cosignatures SELECT size + 1, name, key_id, at, line FROM ledger_cosignatures",
        "added",
    ),
    of("a registry's file", "registry_files", "UPDATE registry_files SET bytes = bytes || '\\x20'"),
    of("who handed a registry's file over", "registry_files", _FLIPPED.format("registry_files"), "unsigned"),
    of(
        "what a registry states",
        "registry_statements",
        "UPDATE registry_statements SET statement = jsonb_set(statement, '{is_new_drug}', 'false')",
    ),
    of(
        "a statement removed",
        "registry_statements",
        "DELETE FROM registry_statements WHERE id = (SELECT max(id) FROM registry_statements)",
        "missing",
    ),
    of("as of when a registry is whole", "registry_wholes", "UPDATE registry_wholes SET as_of = as_of + 300"),
    of("how much a registry states", "registry_wholes", "UPDATE registry_wholes SET count = count + 1"),
    of("as of when filings are whole", "filing_sources", "UPDATE filing_sources SET as_of = as_of + 300"),
    of("a proposal's words", "mapping_proposals", "UPDATE mapping_proposals SET body = body || '\\x20'"),
    of(
        "from when on a proposal counts",
        "mapping_proposals",
        "UPDATE mapping_proposals SET active_from = active_from + interval '1 day' WHERE digest NOT IN "
        "(SELECT proposal FROM mapping_activations WHERE proposal IS NOT NULL)",
    ),
    of("who proposed", "mapping_proposals", _FLIPPED.format("mapping_proposals"), "unsigned"),
    of("the person who proposed", "mapping_proposals", "UPDATE mapping_proposals SET holder = 'somebody'"),
    of(
        "which version reads",
        "mapping_activations",
        "UPDATE mapping_activations SET version = '9.9' WHERE proposal IS NOT NULL",
    ),
    of(
        "who approved",
        "mapping_activations",
        _FLIPPED.format("mapping_activations") + " WHERE proposal IS NOT NULL",
        "unsigned",
    ),
    of(
        "one person who agrees with himself",
        "mapping_activations",
        "UPDATE mapping_activations a SET (participant, keyid, holder, request) = (SELECT participant, keyid, holder, "
        "request FROM mapping_proposals p WHERE p.digest = a.proposal) WHERE proposal IS NOT NULL",
    ),
    of(
        "what came with the software",
        "mapping_activations",
        "UPDATE mapping_activations SET mapping_digest = 'sha256:' || repeat('0', 64) WHERE proposal IS NULL",
        "not-known",
    ),
    of("an activation removed", "mapping_activations", "DELETE FROM mapping_activations", "missing"),
    of(
        "a package delivered elsewhere",
        "trace_code_uses",
        "UPDATE trace_code_uses SET policy_no = 'X'",
        "missing",
        "audit.derived",
    ),
    of("a package forgotten", "trace_code_uses", "DELETE FROM trace_code_uses", "missing", "audit.derived"),
    of(
        "a record that counts twice",
        "day_records",
        "INSERT INTO day_records SELECT seq + 1000000, insurer, type, key || 'x', day, count + 1000, amount, known_at "
        "FROM day_records LIMIT 1",
        "added",
        "audit.derived",
    ),
    of(
        "a product told otherwise",
        "product_claims",
        "UPDATE product_claims SET insurer = 'SANDBOX-A'",
        rule="audit.derived",
    ),
    of("when a key ended", "key_events", "UPDATE key_events SET at = at + interval '1 day'"),
    of("why a key ended", "key_events", "UPDATE key_events SET reason = 'compromised'"),
    of("the end of a key removed", "key_events", "DELETE FROM key_events", "missing"),
    of(
        "the end of a key added",
        "key_events",
        "INSERT INTO key_events (keyid, algorithm, public_key, event, at, known_at, reason, leaf_index) "
        "SELECT keyid, algorithm, public_key, event, at, known_at, reason, 0 FROM key_events",
        "added",
    ),
    of("how long the feed is", "feed_head", "UPDATE feed_head SET count = count + 1"),
    of(
        "how long the log is",
        "ledger_head",
        "UPDATE ledger_head SET size = size - 1",
        "other-count",
        "log.head",
    ),
    of(
        "a tile that nobody made",
        "ledger_tiles",
        "INSERT INTO ledger_tiles SELECT 0, 0, decode(repeat('00', 8192), 'hex'), sha256('x')",
        "other-count",
        "log.tiles",
    ),
    of(
        "what a checkpoint says",
        "ledger_checkpoints",
        "UPDATE ledger_checkpoints SET note = overlay(note placing 'X'::bytea from 3)",
        "bad-signature",
        "log.checkpoints",
    ),
)


@pytest.mark.parametrize("one", OTHERS, ids=[one.what.replace(" ", "-") for one in OTHERS])
def test_what_was_changed_is_found_and_named(copy: str, one: Tampering) -> None:
    tamper(copy, one)
    found = audited(copy)
    if one.table == "submissions":  # the line that it says it was was told otherwise
        one = of(one.what, "batch_results", one.sql, one.reason)
    table = one.table if one.rule.startswith("audit.") else ""
    assert (one.rule, one.reason, table) in named(found), [check.model_dump(mode="json") for check in found]


def test_a_table_beside_those_of_the_software_is_told(copy: str) -> None:
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute("CREATE TABLE elsewhere (x int)")
        connection.execute("DROP TABLE delivery_queue")
    assert {(one.reason, one.facts["table"], one.facts["there"]) for one in audited(copy) if one.reason == "table"} == {
        ("table", "elsewhere", True),
        ("table", "delivery_queue", False),
    }
