"""Audit a published log without its operator: recompute every hash from the entries up to the signed root.

Not checked: that the facts are true, that this checkpoint is the one that others were shown (compare it with theirs,
or keep it and audit again), and that no two entries are the same.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint
from gateway.ledger.ends import Ended, check_signers, end_of
from gateway.ledger.fetch import Fetch
from gateway.ledger.merkle import HASH_SIZE, leaf_hash
from gateway.ledger.note import read_keys
from gateway.ledger.tiles import ENTRIES, WIDTH, RightEdge, Tile, read_bundle, width_at
from schemas.canonical import canonical
from schemas.log import Entry
from schemas.verification import Check, Report, conclude, failed, passed, unknown
from signing.algorithms import TIMELESS
from untrusted import Refused, read_json

_RULES = ("log.checkpoint", "log.entries", "log.tiles", "log.root")


def audit(fetch: Fetch, key: str, *, at: datetime = TIMELESS, ends: Sequence[Ended] = ()) -> Report:
    """Judge the log that `fetch` reads, under the verifier key lines `key`: every entry, tile and the signed root.

    A key that ended, as the log itself says or as `ends` do, is not believed from then on: the checkpoint is as old as
    its last entry, or younger. Memory is a tile a level; time is the log's size. `at` is only noted. A log that is
    wrong is a result; only a key that cannot be read raises (`NoteRefused`).
    """
    keys = read_keys(key)
    try:
        note = fetch("checkpoint")
        checkpoint = open_checkpoint(note, keys)
    except CheckpointRefused as error:
        return _conclude("log", [failed("log.checkpoint", error.reason, detail=error.detail)], at)
    except OSError as error:
        return _conclude("log", [_not_read("log.checkpoint", "checkpoint", error)], at)
    told = _Told(list(ends))
    tree = list(_judge_tree(fetch, checkpoint, told))
    signers = None
    if told.last is not None:
        signers = check_signers("log.checkpoint", note, checkpoint.signed_by, told.last, told.ends, keys)
    stated: dict[str, Any] = {"origin": checkpoint.origin, "size": str(checkpoint.size), "root": checkpoint.root.hex()}
    checks = [passed("log.checkpoint", **stated) if signers is None else signers, *tree]
    return _conclude(f"log:{checkpoint.origin}", checks, at, digest=f"sha256:{hashlib.sha256(note).hexdigest()}")


def find_entry_flaw(data: bytes) -> str | None:
    """Why these bytes are not the canonical form of an entry; None if they are."""
    try:
        entry = Entry.model_validate(read_json(data, number=_number))
        same = canonical(entry) == data
    except Refused as error:
        return str(error)
    except ValueError as error:
        return str(error)
    return None if same else "not in canonical form"


@dataclass(slots=True)
class _Told:
    """What the entries themselves say that bears on the signatures: ends of keys, and the latest moment."""

    ends: list[Ended]
    last: datetime | None = None

    def read(self, entries: Sequence[bytes]) -> None:
        for data in entries:
            if b'"kind":"key"' in data or data is entries[-1]:
                try:
                    entry = Entry.model_validate_json(data)
                    if entry.kind == "key":
                        self.ends.append(end_of(entry.body, entry.at))
                except ValueError:
                    continue  # which is told with the entries
                self.last = max(entry.at, self.last or entry.at)


@dataclass(slots=True)
class _Flaws:
    """The first thing that was wrong, and how many were; as a check of one rule."""

    rule: str
    first: Check | None = None
    count: int = 0
    seen: int = 0

    def add(self, check: Check) -> None:
        if self.first is None:
            self.first = check
        self.count += 1

    def check(self) -> Check:
        if self.first is None:
            return passed(self.rule, count=self.seen)
        return self.first.model_copy(update={"facts": {**self.first.facts, "wrong": self.count}})


def _judge_tree(fetch: Fetch, checkpoint: Checkpoint, told: _Told) -> Iterator[Check]:
    """The checks of entries, tiles and root. What could not be read ends the walk: the rest is unknown."""
    edge = RightEdge()
    entries, tiles = _Flaws("log.entries"), _Flaws("log.tiles")
    while edge.size < checkpoint.size:
        bundle = Tile(ENTRIES, edge.size // WIDTH, width_at(ENTRIES, edge.size // WIDTH, checkpoint.size))
        read = _read_entries(fetch, bundle)
        if isinstance(read, Check):
            entries.add(read)
            break
        for place, data in enumerate(read):
            if flaw := find_entry_flaw(data):
                entries.add(failed("log.entries", "not-an-entry", index=str(edge.size + place), detail=flaw[:200]))
        entries.seen += len(read)
        told.read(read)
        for full in edge.extend(leaf_hash(data) for data in read):
            _compare(fetch, Tile(full.level, full.index), full.hashes, tiles)
    yield entries.check()
    if edge.size < checkpoint.size:
        return
    for tile, hashes in edge.partial_tiles():
        _compare(fetch, tile, hashes, tiles)
    yield tiles.check()
    if edge.root() == checkpoint.root:
        yield passed("log.root", root=checkpoint.root.hex())
    else:
        yield failed("log.root", "differs", signed=checkpoint.root.hex(), actual=edge.root().hex())


def _read_entries(fetch: Fetch, bundle: Tile) -> list[bytes] | Check:
    """The entries of a bundle, or why there are none."""
    try:
        data, width = _fetch(fetch, bundle)
        return read_bundle(data, width)[: bundle.width]
    except OSError as error:
        return _not_read("log.entries", bundle.path(), error)
    except ValueError as error:
        return failed("log.entries", "malformed", path=bundle.path(), detail=str(error))


def _compare(fetch: Fetch, tile: Tile, expected: bytes, flaws: _Flaws) -> None:
    """The tile is served, and says what the entries say."""
    try:
        data, width = _fetch(fetch, tile)
    except OSError as error:
        flaws.add(_not_read("log.tiles", tile.path(), error))
        return
    flaws.seen += 1
    if len(data) != width * HASH_SIZE or data[: len(expected)] != expected:
        flaws.add(failed("log.tiles", "differs", path=tile.path()))


def _fetch(fetch: Fetch, tile: Tile) -> tuple[bytes, int]:
    """What is served for the tile, and its width: a log may have the full tile instead of the partial one by now."""
    try:
        return fetch(f"tile/{tile.path()}"), tile.width
    except FileNotFoundError:
        if tile.width == WIDTH:
            raise
    return fetch(f"tile/{Tile(tile.level, tile.index).path()}"), WIDTH


def _not_read(rule: str, path: str, error: OSError) -> Check:
    """A log must serve what its checkpoint covers; whether it does is unknown if it could not be asked."""
    if isinstance(error, FileNotFoundError):
        return failed(rule, "missing", path=path)
    return unknown(rule, "unavailable", path=path, detail=str(error)[:200])


def _conclude(subject: str, checks: list[Check], at: datetime, *, digest: str | None = None) -> Report:
    judged = {check.rule for check in checks}
    rest = [unknown(rule, "not-reached") for rule in _RULES if rule not in judged]
    return conclude(subject, checks=[*checks, *rest], at=at, digest=digest)


def _number(literal: str) -> int | float:
    """RFC 8785 section 3.2.2.3: whole numbers as they stand, others as ECMAScript numbers."""
    return int(literal) if literal.lstrip("-").isdecimal() else float(literal)
