"""Publish: extend the tree over what is committed, and sign it.

Stage, compare-and-swap, publish, in one transaction of its own. What a crash leaves, step by step:

1. Lock, read, compute: nothing. The lock ends with the connection.
2. Stage (full tiles written): nothing; the transaction rolls back. The next publisher computes the same tiles.
3. Sign: a signature in memory, over a true statement, that nobody has seen. The next publisher may sign the same size
   or a larger one; entries only grow, so the two are consistent.
4. Compare-and-swap (the row that names the last checkpoint as its `previous`): as before, not committed.
5. Commit is the publication: tiles and checkpoint are visible together, and only now is the checkpoint handed out. A
   crash after it loses nothing: the next publisher finds this checkpoint as the last. A crash of the database while it
   commits leaves all or nothing, and the publisher, which was told neither, hands nothing out.

Paused instead of crashed, a publisher may wake up when it is no longer the one. Its connection is what it leads by: as
long as that stands, its lock does, and nobody else publishes; once the server has given it up, the transaction is gone
and nothing that this publisher still does can commit. Between the two there is no state in which it could sign.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus

from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused, read_stored, sign_checkpoint
from gateway.ledger.merkle import EMPTY_ROOT, check_consistency, consistency_spans
from gateway.ledger.tiles import HEIGHT, WIDTH, Hashes, RightEdge, Tile, split_hashes, tiles_for
from schemas.verification import Outcome
from signing.signer import Signer

_CHUNK = 1 << 15
_CLOCKS_DIFFER = timedelta(minutes=1)  # between two gateways; more is a clock that was set back
MOST_LEAVES = 1 << 17
"""How many leaves one checkpoint adds at most: bounds memory and the length of the transaction. Call again for more."""


async def publish(
    connection: Connection,
    signer: Signer,
    *,
    origin: str,
    at: datetime,
    beside: Sequence[Signer] = (),
    known: Checkpoint | None = None,
    most: int = MOST_LEAVES,
) -> Checkpoint | None:
    """Sign a checkpoint over all committed entries, at most `most` more than the last one has; it is durable on return.

    None if there is nothing new, or if another publisher was faster: call again later. The first checkpoint of an
    empty log is signed too. `signer` is the log's Ed25519 key, `beside` signs further lines (SM2). `known` is a
    checkpoint known from outside this database: if the database has lost it (a restored backup), nothing is signed.

    Raises `CheckpointRefused`, and signs nothing: `in-transaction`, `other-log`, `older`, `smaller`, `inconsistent`,
    `wrong-key`. Each of these needs an operator.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise CheckpointRefused("in-transaction", "a checkpoint is handed out only when its own transaction committed")
    if signer.algorithm != "ed25519":
        raise CheckpointRefused("wrong-key", "C2SP tlog-tiles asks for an Ed25519 signature by the log")
    last: store.StoredCheckpoint | None = None
    try:
        async with connection.transaction():
            # From here until the end no other publisher is at work, as long as the advisory lock does what it should.
            # What is signed does not rest on it: the unique `previous` lets one checkpoint follow another only once.
            if not await store.lock_publisher(connection):
                return None
            # Killed here: nothing was written. The server ends the lock with the connection.
            last = await store.find_last_checkpoint(connection)
            if last and timedelta(0) < last.at - at <= _CLOCKS_DIFFER:
                return None
            bases = _bases(last, known, origin=origin, at=at)
            size = await _next_size(connection, last, bases, most)
            if last and size == last.size:
                return None
            # Stage. Killed here: tiles that no other transaction has seen roll back; computed again they are the same.
            edge = await _grow(connection, last.size if last else 0, size)
            for base in bases:
                await _check_extends(connection, base, edge)
            # Sign. Killed here: the signature dies with the process. It is of committed entries only, which stay.
            signed = sign_checkpoint(origin, size, edge.root(), (signer, *beside))
            row = store.StoredCheckpoint(size, last.size if last else None, signed.root, at, signed.note)
            # Compare-and-swap: only one row can follow `last`. Who lost, however it came to be here, fails on the
            # unique `previous` or on a tile that is there already, and what it signed was never handed out.
            await store.insert_checkpoint(connection, row)
            # Killed here: not committed, as if nothing had been.
        # Published. Killed here: the checkpoint stands, and whoever comes next reads it as the last.
        return signed
    except UniqueViolation as error:
        now = await store.find_last_checkpoint(connection)
        if now and (last is None or now.size > last.size):
            return None  # what was read was too old: another publisher has extended it since
        raise CheckpointRefused("inconsistent", "there is a tile that no checkpoint covers") from error


async def read_edge(connection: Connection, size: int) -> RightEdge:
    """The right edge of the tree of `size` leaves, from what is stored: at most 255 hashes a level."""
    edge = RightEdge(size)
    level = 0
    while count := size >> (HEIGHT * level):
        tile = Tile(level, count // WIDTH, count % WIDTH)
        hashes = (await store.read_tiles(connection, [tile]))[tile] if tile.width else b""
        if len(hashes) != tile.width * 32:
            raise CheckpointRefused("inconsistent", f"tile {tile.path()} is not there")
        edge.levels.append(split_hashes(hashes))
        level += 1
    return edge


async def _next_size(
    connection: Connection, last: store.StoredCheckpoint | None, bases: Sequence[Checkpoint], most: int
) -> int:
    """How many leaves the next checkpoint covers: all that are committed, or `most` more; never less than a base."""
    committed = await store.committed_size(connection)
    if any(base.size > committed for base in bases):
        raise CheckpointRefused("smaller", f"the log has {committed} entries, and a checkpoint covers more")
    return max([min(committed, (last.size if last else 0) + most), *(base.size for base in bases)])


async def _grow(connection: Connection, start: int, size: int) -> RightEdge:
    """The right edge at `size`, grown from `start` leaves; stages the tiles that become full on the way.

    The leaf hashes are taken as stored: the database holds each equal to the hash of its data (ledger_entries_hashed).
    """
    edge = await read_edge(connection, start)
    while edge.size < size:
        end = min(size, edge.size + _CHUNK)
        hashes = split_hashes(await store.read_leaf_hashes(connection, edge.size, end))
        if len(hashes) != end - edge.size:
            raise CheckpointRefused("inconsistent", f"not all entries from {edge.size} to {end} are there")
        if full := list(edge.extend(hashes)):
            await store.insert_tiles(connection, full)
    return edge


async def _check_extends(connection: Connection, base: Checkpoint, edge: RightEdge) -> None:
    """The new tree begins with the one that `base` commits to: proven from the stored tiles, as for a stranger."""
    if base.size == 0:  # nothing can contradict the empty tree but another root than the empty one
        consistent = base.root == EMPTY_ROOT
    else:
        spans = consistency_spans(base.size, edge.size)
        hashes = Hashes(await store.read_tiles(connection, list(tiles_for(spans, edge.size))))
        path = [hashes.of(span) for span in spans]
        check = check_consistency(base.size, edge.size, base.root, path, edge.root())
        consistent = check.outcome is Outcome.PASSED
    if not consistent:
        raise CheckpointRefused("inconsistent", f"the tree does not extend the checkpoint of {base.size} leaves")


def _bases(
    last: store.StoredCheckpoint | None, known: Checkpoint | None, *, origin: str, at: datetime
) -> list[Checkpoint]:
    """The checkpoints that the next one must extend: the last, and what the caller knows of."""
    bases = [known] if known else []
    if last:
        if at < last.at:
            raise CheckpointRefused(
                "older", f"the clock says {at.isoformat()}, the last checkpoint {last.at.isoformat()}"
            )
        read = read_stored(last.note)
        if (read.size, read.root) != (last.size, last.root):
            raise CheckpointRefused("inconsistent", f"the row of checkpoint {last.size} is not what was signed")
        bases.append(read)
    for base in bases:
        if base.origin != origin:
            raise CheckpointRefused("other-log", f"the last checkpoint is of {base.origin}, not of {origin}")
    return bases
