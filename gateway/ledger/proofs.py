"""Proofs from tiles: that a leaf is in the log, and that one checkpoint extends another."""

from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.checkpoint import read_stored
from gateway.ledger.merkle import Span, consistency_spans, inclusion_spans
from gateway.ledger.tiles import Hashes, tiles_for
from schemas.log import InclusionProof, LogProof


class NotInLog(Exception):
    """The log has no such leaf, or no checkpoint covers the sizes that were asked for."""


async def prove(connection: Connection, index: int, *, origin: str) -> LogProof:
    """What proves leaf `index`, against the latest checkpoint.

    Without checkpoint and inclusion while no checkpoint covers the leaf yet. Raises `NotInLog` if there is no leaf.
    """
    last = await store.find_last_checkpoint(connection)
    if last is None or not 0 <= index < last.size:
        # A bigint is all that the database takes; no log is larger.
        uncovered = await store.read_leaf_hashes(connection, index, index + 1) if 0 <= index < 2**62 else b""
        if not uncovered:
            raise NotInLog(f"the log has no leaf {index}")
        return LogProof(leaf_index=index, log=origin, leaf_hash=uncovered.hex())
    spans = [(index, index + 1), *inclusion_spans(index, last.size)]
    leaf, *path = [item.hex() for item in await _hashes(connection, spans, last.size)]
    return LogProof(
        leaf_index=index,
        log=read_stored(last.note).origin,
        leaf_hash=leaf,
        checkpoint=(await store.read_cosigned(connection, last)).decode(),
        inclusion=InclusionProof(size=last.size, root=last.root.hex(), path=tuple(path)),
    )


async def prove_consistency(connection: Connection, first: int, second: int) -> list[bytes]:
    """The hashes which prove that the tree of `first` leaves begins that of `second` (RFC 6962 section 2.1.2).

    Raises `NotInLog` unless 0 < first <= second <= the size of the latest checkpoint.
    """
    last = await store.find_last_checkpoint(connection)
    if last is None or not 0 < first <= second <= last.size:
        raise NotInLog(f"no checkpoint covers the trees of {first} and {second} leaves")
    return await _hashes(connection, consistency_spans(first, second), second)


async def _hashes(connection: Connection, spans: list[Span], size: int) -> list[bytes]:
    """The hash of each span. All tiles of a tree that a checkpoint covers are there: they were committed with it."""
    hashes = Hashes(await store.read_tiles(connection, list(tiles_for(spans, size))))
    return [hashes.of(span) for span in spans]
