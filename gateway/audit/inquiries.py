"""Inquiries against the log: each step that the log speaks of is there, as it was signed."""

import hashlib
from collections.abc import Iterator, Sequence

from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_request
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import compare, missing
from gateway.participants import Participants
from schemas.verification import Check

_QUERY = (
    "SELECT leaf_index, inquiry, place, act, insurer, subject, due_on::text, at, participant, keyid, body_digest, "
    "body, request FROM inquiry_steps WHERE leaf_index = ANY(%s)"
)
_TOLD = ("inquiry", "place", "act", "insurer", "subject", "due_on")


def judge(connection: Snapshot, said: Sequence[Said], people: Participants, found: Range) -> Iterator[Check]:
    """Every step of an inquiry that was logged: its row, what its sender signed, and the bytes."""
    there = {row[0]: row[1:] for row in rows(connection, _QUERY, [one.index for one in said])}
    for one in said:
        row = there.get(one.index)
        key = f"{one.body.get('inquiry')}/{one.body.get('place')}"
        if row is None:
            yield missing("inquiry_steps", key, leaf=one.index)
            continue
        found.count("inquiry_steps")
        stated = dict(zip(_TOLD, row[:6], strict=True))
        at, participant, keyid, digest, body, request = row[6:]
        pairs = {name: (one.body.get(name), value) for name, value in stated.items()}
        pairs |= {
            "at": (one.at, at),
            "participant": (one.body.get("participant"), participant),
            "keyid": (one.body.get("keyid"), keyid),
            "body_digest": (one.body.get("body_digest"), digest),
            "body": (digest, f"sha256:{hashlib.sha256(bytes(body)).hexdigest()}"),
        }
        yield from compare("inquiry_steps", key, pairs)
        yield from check_request("inquiry_steps", key, request, bytes(body), people, participant)
