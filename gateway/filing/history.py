"""What was ever stated about one clause: when it was true, when it became known, and by which file, sender and leaf."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.db import Connection
from schemas.canonical import as_json
from schemas.filing import Filing


@dataclass(frozen=True, slots=True)
class Step:
    """One statement about the clause, known from `known_from` until `known_until`, where a later one superseded it.

    `filing` is `None` where a whole statement left the number out. Its file is a row of `filing_files`; the leaf and
    the proposal, if two people decided on it, are those of that file.
    """

    id: int
    registry: str
    insurer: str
    as_of: date
    known_from: datetime
    known_until: datetime | None
    digest: str
    filing: Filing | None
    file: str | None
    media_type: str | None
    sender: str | None
    leaf_index: int | None
    proposal: str | None
    people: Sequence[str | None]

    def as_json(self, on: date | None, *, with_people: bool) -> dict[str, Any]:
        """As it is answered; with `on` the state of that day, as this statement has it."""
        interval = self.filing.state_on(on) if self.filing is not None and on is not None else None
        told = {
            "registry": self.registry,
            "insurer": self.insurer,
            "as_of": str(self.as_of),
            "known_from": as_json(self.known_from),
            "known_until": as_json(self.known_until) if self.known_until is not None else None,
            "stated": self.filing is not None,
            "digest": self.digest or None,
            "filing": as_json(self.filing) if self.filing is not None else None,
            "file": self.file and {"digest": self.file, "media_type": self.media_type, "sender": self.sender},
            "leaf_index": self.leaf_index,
            "proposal": None,
        }
        if self.proposal is not None and with_people:
            proposed_by, *confirmed_by = self.people
            told["proposal"] = {
                "id": self.proposal.removeprefix("sha256:"),
                "proposed_by": proposed_by,
                "confirmed_by": confirmed_by,
            }
        return told if on is None else told | {"on": str(on), "state": interval.state if interval else None}


async def list_steps(
    connection: Connection, registration_no: str, insurer: str | None, known_at: datetime | None, after: int, limit: int
) -> list[Step]:
    """Every statement about the number, first to last, behind the row `after`; of one insurer, if given.

    With `known_at` what was known by then: what superseded it later is not told either.
    """
    cursor = await connection.execute(
        "WITH stated AS (SELECT f.*, lead(known_from) OVER (PARTITION BY registry ORDER BY id) AS known_until "
        "FROM filings f WHERE registration_no = %(number)s "
        "AND known_from <= coalesce(%(known_at)s, 'infinity'::timestamptz)) "
        "SELECT f.id, f.registry, f.insurer, (f.source->>'as_of')::date, f.known_from, f.known_until, f.digest, "
        "f.statement, f.source, i.digest, i.media_type, i.sender, l.index, e.proposal, p.keyid, "
        "(SELECT json_agg(c.keyid ORDER BY c.at, c.holder) FROM filing_confirmations c WHERE c.proposal = e.proposal) "
        "FROM stated f LEFT JOIN filing_files i ON i.id = f.file "
        "LEFT JOIN LATERAL (SELECT index FROM ledger_entries WHERE kind = 'filing' AND at = i.received_at "
        "AND convert_from(data, 'UTF8')::jsonb #>> '{body,file}' = i.digest ORDER BY index LIMIT 1) l ON true "
        "LEFT JOIN filing_proposal_ends e ON e.file = f.file LEFT JOIN filing_proposals p ON p.id = e.proposal "
        "WHERE f.id > %(after)s AND (%(insurer)s::text IS NULL OR f.insurer = %(insurer)s) "
        "ORDER BY f.id LIMIT %(limit)s",
        {"number": registration_no, "known_at": known_at, "insurer": insurer, "after": after, "limit": limit},
    )
    return [_step(row) async for row in cursor]


def _step(row: Sequence[Any]) -> Step:
    filing = None if row[7] is None else Filing.model_validate({**row[7], "source": row[8]})
    values = [*row[:7], filing, *row[9:14], (row[14], *(row[15] or ()))]
    return Step(*values)
