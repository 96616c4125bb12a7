"""What was said about the gateway's own keys, against the log."""

from collections.abc import Iterator, Sequence

from gateway.audit.entry import Range, Said
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import compare, missing
from gateway.participants import Participants
from schemas.canonical import as_json
from schemas.verification import Check

_QUERY = (
    "SELECT leaf_index, id, keyid, algorithm, public_key, event, at, known_at, reason FROM key_events "
    "WHERE leaf_index = ANY(%s)"
)


def judge(connection: Snapshot, said: Sequence[Said], _: Participants, found: Range) -> Iterator[Check]:
    """Every end of a key that the log speaks of is there, as the log says."""
    there = {row[0]: row[1:] for row in rows(connection, _QUERY, [one.index for one in said])}
    for one in said:
        row = there.get(one.index)
        if row is None:
            yield missing("key_events", one.body.get("keyid"), leaf=one.index)
            continue
        found.count("key_events")
        names = ("keyid", "algorithm", "public_key", "event")
        stated = {name: (one.body.get(name), value) for name, value in zip(names, row[1:5], strict=True)}
        stated["at"] = (one.body.get("at"), as_json(row[5]))
        stated["known_at"] = (as_json(one.at), as_json(row[6]))
        stated["reason"] = (one.body.get("reason"), row[7])
        yield from compare("key_events", row[0], stated)
