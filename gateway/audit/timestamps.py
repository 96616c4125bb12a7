"""Time-stamps over the log against the log: each has its row, on what it says. What it proves, its own command says."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.audit.entry import Range, Said
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import changed, compare, missing, reordered
from gateway.participants import Participants
from gateway.timestamps.statement import Stamp, names_note
from schemas.verification import Check
from signing.containers.der import NotAsExpected
from signing.containers.tst import read_stamp
from signing.stamping import BadAnswer, lasts_until

_QUERY = (
    "SELECT t.id, t.authority, t.digest, t.checkpoint, t.moment, t.lasts, t.statement, t.token, t.known_at, "
    "t.leaf_index, c.note, (SELECT max(b.id) FROM log_timestamps b WHERE b.id < t.id AND b.leaf_index > t.leaf_index) "
    "FROM log_timestamps t LEFT JOIN ledger_checkpoints c ON c.size = t.checkpoint WHERE t.leaf_index = ANY(%s)"
)
_TABLE = "log_timestamps"


def judge(connection: Snapshot, said: Sequence[Said], _: Participants, found: Range) -> Iterator[Check]:
    """Every stamp that was logged is there: this statement about this checkpoint, and this token over it."""
    there = {row[9]: row for row in rows(connection, _QUERY, [one.index for one in said])}
    for one in said:
        row = there.get(one.index)
        if row is None:
            yield missing(_TABLE, one.body.get("authority"), leaf=one.index)
            continue
        found.count(_TABLE)
        stamp = Stamp.of_row(row)
        yield from _judge(one, stamp, bytes(row[10] or b""), row[11])


def _judge(one: Said, stamp: Stamp, note: bytes, behind: int | None) -> Iterator[Check]:
    body: Mapping[str, Any] = one.body
    try:
        token, lasts = read_stamp(stamp.token), lasts_until(stamp.token)
    except (NotAsExpected, BadAnswer):
        yield changed(_TABLE, stamp.id, "token")
        return
    origin = note.split(b"\n", 1)[0].decode("utf-8", "replace")
    pairs = {
        "authority": (body.get("authority"), stamp.authority),
        "checkpoint": (body.get("size"), stamp.checkpoint),
        "known_at": (one.at, stamp.known_at),
        "moment": (datetime.fromisoformat(str(body.get("moment"))), stamp.moment),
        "token.moment": (token.moment.utc, stamp.moment),
        "lasts": (lasts, stamp.lasts),
        "digest": (token.digest_algorithm, stamp.digest),
        "statement": (body.get("statement"), f"sha256:{hashlib.sha256(stamp.statement).hexdigest()}"),
        "token": (body.get("token"), f"sha256:{hashlib.sha256(stamp.token).hexdigest()}"),
        "imprint": (token.imprint, stamp.imprint),
        "names the checkpoint": (True, names_note(stamp, origin, note)),
    }
    yield from compare(_TABLE, stamp.id, pairs)
    if behind is not None:
        yield reordered(_TABLE, stamp.id, behind=behind)
