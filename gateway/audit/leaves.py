"""Entries of the log against the rows they speak of, a range of the log at a time.

Each entry is hashed and read again; the row that it names is there and says the same: its bytes have the digest that
was logged, its columns say what its bytes say, and what was read from it comes out of its bytes again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.audit import (
    documents,
    erasures,
    filings,
    inquiries,
    keys,
    mappings,
    messages,
    participant_keys,
    premiums,
    registries,
    timestamps,
)
from gateway.audit.entry import Range, Said
from gateway.audit.store import Snapshot, rows
from gateway.ledger.audit import find_entry_flaw
from gateway.ledger.merkle import leaf_hash
from gateway.participants import Participants
from schemas.canonical import as_json
from schemas.verification import Check, failed

_KINDS = frozenset(
    {"submission", "premium", "filing", "registry", "document", "mapping", "award", "decision", "directive", "key"}
    | {"erasure", "timestamp", "inquiry", "participant-key"}
)
_MESSAGES = frozenset({"submission", "award", "decision", "directive"})


Judge = Callable[[Snapshot, Sequence[Said], Participants, Range], Iterator[Check]]


_JUDGES: Mapping[str, Judge] = {
    "message": messages.judge,
    "premium": premiums.judge,
    "document": documents.judge,
    "filing": filings.judge,
    "registry": registries.judge,
    "mapping": mappings.judge,
    "key": keys.judge,
    "participant-key": participant_keys.judge,
    "erasure": erasures.judge,
    "timestamp": timestamps.judge,
    "inquiry": inquiries.judge,
}


def judge_range(connection: Snapshot, start: int, stop: int, people: Participants | None) -> Range:
    """Judge the entries from `start` up to `stop`; without `people` the log alone, not the rows."""
    found = Range(start)
    by_kind: dict[str, list[Said]] = {}
    hashes: list[bytes] = []
    stored = rows(
        connection,
        "SELECT index, leaf_hash, kind, at, data FROM ledger_entries WHERE index >= %s AND index < %s ORDER BY index",
        start,
        stop,
    )
    for place, (index, hashed, kind, at, data) in enumerate(stored, start):
        if index != place:
            break
        hashes.append(leaf_hash(data))
        if hashes[-1] != hashed:
            found.findings.append(failed("log.entries", "wrong-hash", index=index))
        body = _read(data, kind, at)
        if body is None:
            found.findings.append(_flaw(index, data))
        else:
            by_kind.setdefault("message" if kind in _MESSAGES else kind, []).append(Said(index, kind, at, hashed, body))
    if len(hashes) < stop - start:
        found.findings.append(failed("log.entries", "missing", index=start + len(hashes)))
    found.hashes = b"".join(hashes)
    if people is not None:
        for kind, said in by_kind.items():
            found.findings += _JUDGES[kind](connection, said, people, found)
    return found


def _read(data: bytes, kind: str, at: datetime) -> dict[str, Any] | None:
    """The body of an entry in canonical form whose columns say the same; else None."""
    try:
        value = orjson.loads(data)
        same = orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == data
    except orjson.JSONDecodeError:
        return None
    if not same and find_entry_flaw(data) is not None:
        return None
    if not isinstance(value, dict) or value.keys() != {"at", "body", "kind"} or kind not in _KINDS:
        return None
    body = value["body"]
    if value["kind"] != kind or value["at"] != as_json(at) or not isinstance(body, dict):
        return None
    return body


def _flaw(index: int, data: bytes) -> Check:
    if flaw := find_entry_flaw(data):
        return failed("log.entries", "not-an-entry", index=index, detail=flaw[:200])
    return failed("log.entries", "other-columns", index=index)
