"""Activations of mappings against the log, and against the proposals that they approve; `proposals` says who signed."""

from collections.abc import Iterator, Sequence

from gateway.audit.entry import Range, Said
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import compare, missing
from gateway.participants import Participants
from schemas.canonical import as_json
from schemas.verification import Check

_QUERY = (
    "SELECT a.leaf_index, a.id, a.insurer, a.dialect, a.version, a.mapping_digest, a.active_from, a.known_at, "
    "a.proposal, a.keyid, p.insurer, p.dialect, p.version, p.mapping_digest, p.active_from, p.keyid "
    "FROM mapping_activations a LEFT JOIN mapping_proposals p ON p.digest = a.proposal "
    "WHERE a.leaf_index = ANY(%s)"
)


def judge(connection: Snapshot, said: Sequence[Said], _: Participants, found: Range) -> Iterator[Check]:
    """Every activation that the log speaks of is there, as it was proposed and approved."""
    there = {row[0]: row[1:] for row in rows(connection, _QUERY, [one.index for one in said])}
    for one in said:
        row = there.get(one.index)
        if row is None:
            yield missing("mapping_activations", one.body.get("proposal"), leaf=one.index)
            continue
        found.count("mapping_activations")
        number, insurer, dialect, version, digest, active_from, known_at, proposal, keyid, *proposed = row
        stated = {
            "insurer": (one.body.get("insurer"), insurer),
            "dialect": (one.body.get("dialect"), dialect),
            "version": (one.body.get("version"), version),
            "mapping_digest": (one.body.get("digest"), digest),
            "active_from": (one.body.get("active_from"), active_from.isoformat()),
            "known_at": (one.at, known_at),
            "proposal": (one.body.get("proposal"), proposal),
            "keyid": (one.body.get("approved_by"), keyid),
        }
        yield from compare("mapping_activations", number, stated)
        if proposed[0] is None:
            yield missing("mapping_proposals", proposal, leaf=one.index)
            continue
        own = {
            "insurer": (insurer, proposed[0]),
            "dialect": (dialect, proposed[1]),
            "version": (version, proposed[2]),
            "mapping_digest": (digest, proposed[3]),
            "active_from": (as_json(active_from), as_json(proposed[4])),
            "keyid": (one.body.get("proposed_by"), proposed[5]),
        }
        yield from compare("mapping_proposals", proposal, own)
