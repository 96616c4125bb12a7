"""The log in a real database: append, publish, prove, and what it refuses."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import ledger
from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from gateway.ledger.merkle import EMPTY_ROOT, check_consistency, check_inclusion, leaf_hash, tree_root
from schemas.canonical import canonical
from schemas.log import Entry
from schemas.verification import Outcome
from signing.signer import LocalSigner, load_signer, sm2_signer

ORIGIN = "gateway.example/premiums"
AT = datetime(2026, 6, 1, tzinfo=UTC)
T = TypeVar("T")


def ed25519(seed: int = 1) -> LocalSigner:
    """An Ed25519 signer that is the same in each run."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return load_signer(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


SIGNER = ed25519()
KEY = ledger.key_of(ORIGIN, SIGNER)


def entry(number: int, **body: Any) -> Entry:
    """A fact like no other."""
    return Entry(kind="submission", at=AT + timedelta(seconds=number), body={"number": number, **body})


def on(dsn: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do `work` on an autocommit connection."""

    async def run() -> T:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            return await work(connection)

    return asyncio.run(run())


async def publish(connection: Connection, at: datetime = AT, **options: Any) -> Checkpoint | None:
    return await ledger.publish(connection, SIGNER, origin=ORIGIN, at=at, **options)


def numbers(start: int, end: int) -> list[Entry]:
    return [entry(number) for number in range(start, end)]


def test_leaves_are_numbered_from_zero_and_hash_the_canonical_form(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        first = await ledger.append(connection, numbers(0, 2), ORIGIN)
        second = await ledger.append(connection, numbers(2, 3), ORIGIN)
        assert [leaf.index for leaf in first + second] == [0, 1, 2]
        assert first[1].hash == leaf_hash(canonical(entry(1))).hex()
        assert {leaf.log for leaf in first} == {ORIGIN}
        assert await ledger.append(connection, [], ORIGIN) == []

    on(dsn, work)


def test_the_same_fact_is_logged_once(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 3), ORIGIN)
        for again in ([entry(1)], [entry(7), entry(7)]):
            with pytest.raises(ledger.EntryRefused) as refusal:
                await ledger.append(connection, again, ORIGIN)
            assert refusal.value.reason == "duplicate"
        assert await store.committed_size(connection) == 3

    on(dsn, work)


def test_an_entry_that_no_bundle_can_hold_is_refused(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        room = 65535 - len(canonical(entry(1, text="")))
        with pytest.raises(ledger.EntryRefused) as refusal:
            await ledger.append(connection, [entry(1, text="x" * (room + 1))], ORIGIN)
        assert refusal.value.reason == "too-large"
        assert [leaf.index for leaf in await ledger.append(connection, [entry(1, text="x" * room)], ORIGIN)] == [0]

    on(dsn, work)


def test_an_index_can_be_known_before_its_entry_is_built(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        async with connection.transaction():
            first = await ledger.reserve(connection, 2)
            leaves = await ledger.insert(connection, first, [entry(1, leaf=first), entry(2, leaf=first + 1)], ORIGIN)
        assert [leaf.index for leaf in leaves] == [first, first + 1]
        assert await store.committed_size(connection) == 2

    on(dsn, work)


@pytest.mark.parametrize("written", [0, 1])
def test_a_gap_does_not_commit(dsn: str, written: int) -> None:
    async def work(connection: Connection) -> None:
        async def leave_a_gap() -> None:
            async with connection.transaction():
                first = await ledger.reserve(connection, 2)
                await ledger.insert(connection, first, numbers(0, written), ORIGIN)

        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            await leave_a_gap()
        assert await store.committed_size(connection) == 0

    on(dsn, work)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET kind = 'premium'",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries CASCADE",
        "UPDATE ledger_checkpoints SET note = ''",
        "DELETE FROM ledger_checkpoints",
        "TRUNCATE ledger_checkpoints CASCADE",
        "UPDATE ledger_tiles SET root = hashes",
        "DELETE FROM ledger_tiles",
        "TRUNCATE ledger_tiles",
        "TRUNCATE ledger_cosignatures",
        "DELETE FROM ledger_head",
        "TRUNCATE ledger_head",
        "UPDATE ledger_head SET size = size - 1",
        "UPDATE ledger_head SET size = size + 1",
        "INSERT INTO ledger_head (one, size) VALUES (true, 5)",
        "INSERT INTO ledger_entries SELECT 300, sha256('x'), kind, at, data FROM ledger_entries LIMIT 1",
        "INSERT INTO ledger_checkpoints (size, previous, root, at, note) SELECT 400, 300, root, at, note "
        "FROM ledger_checkpoints LIMIT 1",
        "INSERT INTO ledger_checkpoints (size, previous, root, at, note) SELECT 299, null, root, at, note "
        "FROM ledger_checkpoints LIMIT 1",
    ],
)
def test_the_database_refuses_change(dsn: str, statement: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        await publish(connection)
        with pytest.raises(psycopg.errors.IntegrityError):
            await connection.execute(statement)
        report = await ledger.audit_database(connection, [KEY])
        assert report.outcome is Outcome.PASSED

    on(dsn, work)


def test_the_first_checkpoint_is_of_the_empty_log(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        first = await publish(connection)
        assert first is not None
        assert (first.size, first.root) == (0, EMPTY_ROOT)
        assert await publish(connection) is None
        await ledger.append(connection, numbers(0, 1), ORIGIN)
        second = await publish(connection)
        assert second is not None
        assert second.size == 1

    on(dsn, work)


SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 700, 1000)


def test_checkpoints_commit_to_the_entries_and_extend_each_other(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        hashes = [leaf_hash(canonical(one)) for one in numbers(0, SIZES[-1])]
        roots: dict[int, bytes] = {}
        for size in SIZES:
            await ledger.append(connection, numbers(max(roots, default=0), size), ORIGIN)
            checkpoint = await publish(connection)
            assert checkpoint is not None
            assert open_checkpoint(checkpoint.note, [KEY]) == checkpoint
            assert (checkpoint.size, checkpoint.root) == (size, tree_root(hashes[:size]))
            roots[size] = checkpoint.root
        for first in SIZES:
            for second in SIZES[SIZES.index(first) :]:
                path = await ledger.prove_consistency(connection, first, second)
                check = check_consistency(first, second, roots[first], path, roots[second])
                assert check.outcome is Outcome.PASSED, (first, second)
        for index in (0, 1, 254, 255, 256, 511, 512, 699, 998, 999):
            proof = await ledger.prove(connection, index, origin=ORIGIN)
            assert proof.inclusion is not None
            assert proof.leaf_hash == hashes[index].hex()
            path = [bytes.fromhex(item) for item in proof.inclusion.path]
            check = check_inclusion(index, 1000, hashes[index], path, bytes.fromhex(proof.inclusion.root))
            assert check.outcome is Outcome.PASSED, index
            assert proof.checkpoint is not None
            signed = open_checkpoint(proof.checkpoint.encode(), [KEY])
            assert (signed.size, signed.root.hex()) == (proof.inclusion.size, proof.inclusion.root)
        assert (await ledger.audit_database(connection, [KEY])).outcome is Outcome.PASSED

    on(dsn, work)


def test_a_leaf_has_no_inclusion_before_a_checkpoint_covers_it(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 1), ORIGIN)
        assert (await ledger.prove(connection, 0, origin=ORIGIN)).inclusion is None
        await publish(connection)
        await ledger.append(connection, numbers(1, 2), ORIGIN)
        assert (await ledger.prove(connection, 0, origin=ORIGIN)).inclusion is not None
        late = await ledger.prove(connection, 1, origin=ORIGIN)
        assert (late.inclusion, late.checkpoint) == (None, None)
        for index in (2, -1, 2**63):
            with pytest.raises(ledger.NotInLog):
                await ledger.prove(connection, index, origin=ORIGIN)
        for first, second in ((0, 1), (1, 2), (2, 1)):
            with pytest.raises(ledger.NotInLog):
                await ledger.prove_consistency(connection, first, second)

    on(dsn, work)


def test_a_checkpoint_can_be_signed_with_sm2_beside(dsn: str) -> None:
    beside = sm2_signer(123456789)

    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 1), ORIGIN)
        checkpoint = await publish(connection, beside=[beside])
        assert checkpoint is not None
        sm2_key = ledger.key_of(ORIGIN, beside)
        assert open_checkpoint(checkpoint.note, [sm2_key]).root == checkpoint.root
        assert open_checkpoint(checkpoint.note, [KEY]).root == checkpoint.root  # and who does not know it ignores it
        assert (await ledger.audit_database(connection, [KEY, sm2_key])).outcome is Outcome.PASSED

    on(dsn, work)


def test_much_is_published_in_parts(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 600), ORIGIN)
        sizes = []
        while checkpoint := await publish(connection, most=250):
            sizes.append(checkpoint.size)
        assert sizes == [250, 500, 600]

    on(dsn, work)


async def refusal(connection: Connection, at: datetime = AT, **options: Any) -> str:
    """The reason for which nothing is signed; and nothing is."""
    before = await store.find_last_checkpoint(connection)
    with pytest.raises(ledger.CheckpointRefused) as refused:
        await ledger.publish(connection, **{"signer": SIGNER, "origin": ORIGIN, "at": at, **options})
    assert await store.find_last_checkpoint(connection) == before
    return refused.value.reason


def test_what_is_not_signed(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 10), ORIGIN)
        first = await publish(connection)
        assert first is not None
        await ledger.append(connection, numbers(10, 20), ORIGIN)
        assert await publish(connection, at=AT - timedelta(seconds=60)) is None  # two gateways' clocks, not a fault
        assert await refusal(connection, at=AT - timedelta(seconds=61)) == "older"
        assert await refusal(connection, origin="other.example/log") == "other-log"
        assert await refusal(connection, signer=sm2_signer(5)) == "wrong-key"
        # What the outside has seen: more than this database has, or something else of the same size.
        assert await refusal(connection, known=sign_checkpoint(ORIGIN, 21, first.root, [SIGNER])) == "smaller"
        forked = sign_checkpoint(ORIGIN, 10, leaf_hash(b"other"), [SIGNER])
        assert await refusal(connection, known=forked) == "inconsistent"
        forked = sign_checkpoint(ORIGIN, 15, first.root, [SIGNER])
        assert await refusal(connection, known=forked) == "inconsistent"
        async with connection.transaction():
            assert await refusal(connection) == "in-transaction"
        assert await publish(connection, known=first) is not None

    on(dsn, work)


def test_a_stale_publisher_cannot_take_the_place_of_the_next_checkpoint(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 10), ORIGIN)
        first = await publish(connection)
        await ledger.append(connection, numbers(10, 20), ORIGIN)
        second = await publish(connection)
        assert first is not None
        assert second is not None
        # Someone who slept since the first checkpoint, and holds no lock, has a checkpoint to follow it.
        late = sign_checkpoint(ORIGIN, 15, EMPTY_ROOT, [SIGNER])
        row = store.StoredCheckpoint(15, 10, late.root, AT, late.note)
        with pytest.raises(psycopg.errors.UniqueViolation):
            await store.insert_checkpoint(connection, row)

    on(dsn, work)


def test_a_tile_that_no_checkpoint_covers_stops_the_log(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        await connection.execute(
            "INSERT INTO ledger_tiles VALUES (0, 0, decode(repeat('00', 8192), 'hex'), sha256(''))"
        )
        assert await refusal(connection) == "inconsistent"

    on(dsn, work)


def test_only_one_publishes_at_a_time(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 10), ORIGIN)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            async with other.transaction():
                assert await store.lock_publisher(other)
                assert await publish(connection) is None
            assert await publish(connection) is not None

    on(dsn, work)


@pytest.fixture
def rewritten(dsn: str) -> Callable[[str], str]:
    """A log of 600 entries, published at 300 and 600; a superuser without triggers then runs a statement."""

    def rewrite(statement: str) -> str:
        async def work(connection: Connection) -> str:
            for end in (300, 600):
                await ledger.append(connection, numbers(end - 300, end), ORIGIN)
                await publish(connection)
            await connection.execute("ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_hashed")
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(statement)
            await connection.execute("RESET session_replication_role")
            report = await ledger.audit_database(connection, [KEY])
            return " ".join(f"{check.rule}:{check.reason}" for check in report.checks if check.reason)

        return on(dsn, work)

    return rewrite


REWRITES = {
    "UPDATE ledger_entries SET data = data || ' ' WHERE index = 5": "log.entries:wrong-hash",
    "UPDATE ledger_entries SET kind = 'premium' WHERE index = 5": "log.entries:other-columns",
    "DELETE FROM ledger_entries WHERE index = 5": "log.entries:missing",
    "DELETE FROM ledger_entries WHERE index = 599": "log.entries:missing",
    "UPDATE ledger_head SET size = 599": "log.head:other-count",
    "UPDATE ledger_tiles SET root = sha256('x') WHERE index = 1": "log.tiles:differs",
    "DELETE FROM ledger_tiles WHERE index = 1": "log.tiles:missing",
    "INSERT INTO ledger_tiles SELECT 0, 2, hashes, root FROM ledger_tiles LIMIT 1": "log.tiles:other-count",
    "DELETE FROM ledger_checkpoints WHERE size = 300": "log.checkpoints:broken-chain",
    "UPDATE ledger_checkpoints SET root = sha256('x') WHERE size = 300": "log.checkpoints:other-columns",
    "UPDATE ledger_checkpoints SET note = 'x' WHERE size = 300": "log.checkpoints:malformed",
    "UPDATE ledger_entries SET data = data || ' ', leaf_hash = sha256('\\x00'::bytea || data || ' ') "
    "WHERE index = 5": "log.checkpoints:differs",
}


@pytest.mark.parametrize("statement", REWRITES)
def test_an_audit_finds_what_was_rewritten(rewritten: Callable[[str], str], statement: str) -> None:
    assert REWRITES[statement] in rewritten(statement).split()


def test_a_rewritten_log_is_not_signed_again(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        await publish(connection)
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "UPDATE ledger_entries SET data = 'x', leaf_hash = sha256('\\x00'::bytea || 'x') WHERE index = 280"
        )
        await connection.execute("RESET session_replication_role")
        await ledger.append(connection, numbers(300, 310), ORIGIN)
        assert await refusal(connection) == "inconsistent"

    on(dsn, work)


def test_an_exported_log_is_audited_from_its_folder(dsn: str, tmp_path: Path) -> None:
    async def work(connection: Connection) -> None:
        with pytest.raises(ledger.NotInLog):
            await ledger.export(connection, tmp_path, [KEY])
        await ledger.append(connection, numbers(0, 520), ORIGIN)
        await publish(connection)
        await ledger.append(connection, numbers(520, 530), ORIGIN)  # not covered: not exported
        assert (await ledger.export(connection, tmp_path, [KEY])).size == 520

    on(dsn, work)
    report = ledger.audit(ledger.fetch_from_folder(tmp_path), (tmp_path / "key").read_text())
    assert report.outcome is Outcome.PASSED
    assert report.subject == f"log:{ORIGIN}"
    assert {check.rule for check in report.checks} == {"log.checkpoint", "log.entries", "log.tiles", "log.root"}
