"""What witnesses signed about checkpoints: each line holds, under the key of its witness, over the checkpoint it names.

Not found: a line that was removed. Who gave it knows of it: ask the witness.
"""

from collections.abc import Iterator, Sequence

from gateway.audit.store import Snapshot, rows
from gateway.audit.told import added, changed, compare, not_known
from gateway.ledger.cosignature import read_cosignatures
from gateway.ledger.note import NoteKey, NoteRefused, signature_lines
from schemas.verification import Check

_TABLE = "ledger_cosignatures"
_MANY = 500
_QUERY = (
    "SELECT c.name, c.key_id, c.size, c.at, c.line, k.note FROM ledger_cosignatures c "
    "LEFT JOIN ledger_checkpoints k USING (size) WHERE (c.name, c.key_id, c.size) > (%s, %s, %s) "
    "ORDER BY c.name, c.key_id, c.size LIMIT %s"
)


def judge(connection: Snapshot, witnesses: Sequence[NoteKey]) -> Iterator[Check]:
    """Every line. Of a witness whose key is not known here nothing is known, which is told once."""
    by_place = {(key.name, key.key_id): key for key in witnesses}
    unknown: set[tuple[str, bytes]] = set()
    last: tuple[str, bytes, int] = ("", b"", -1)
    while found := rows(connection, _QUERY, *last, _MANY):
        for name, key_id, size, at, line, note in found:
            place = name, bytes(key_id)
            if note is None:
                yield added(_TABLE, f"{name}/{size}", told="a checkpoint that is not there")
                continue
            yield from _judge_line(place, size, at, line, bytes(note), by_place.get(place))
            if place not in by_place and place not in unknown:
                unknown.add(place)
                yield not_known(_TABLE, f"{name}/{size}", f"witness {name}")
        last = found[-1][0], bytes(found[-1][1]), found[-1][2]


def _judge_line(
    place: tuple[str, bytes], size: int, at: int, line: str, note: bytes, key: NoteKey | None
) -> Iterator[Check]:
    name = f"{place[0]}/{size}"
    try:
        ((_, signer, blob),) = signature_lines(note + line.encode())[1][-1:]
        alone = line.count("\n") == 1 and line.endswith("\n")
    except NoteRefused:
        yield changed(_TABLE, name, "line")
        return
    columns = {"lines": (True, alone), "name": (signer, place[0]), "key_id": (blob[:4].hex(), place[1].hex())}
    columns["at"] = (int.from_bytes(blob[4:12], "big"), at)
    yield from compare(_TABLE, name, columns)
    if key is not None and [one.line for one in read_cosignatures(note + line.encode(), [key])] != [line]:
        yield changed(_TABLE, name, "signature")
