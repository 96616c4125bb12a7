"""Messages against the log, and their records against their bytes: each message is read again as it was read then."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from adapters.versions import known as known_mappings
from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_nonce, check_request
from gateway.audit.store import Snapshot, rows, whole
from gateway.audit.told import added, changed, compare, missing, not_known, reordered
from gateway.mappings.in_force import Reader
from gateway.participants import Participant, Participants
from gateway.submissions.arrival import Arrival, number_of
from gateway.submissions.read import Reading, read_message
from gateway.submissions.writable import writable
from schemas.canonical import canonical
from schemas.submission import id_of_submission
from schemas.verification import Check, Outcome, worst

_STATUS = {"passed": "verified", "indeterminate": "held", "failed": "refused"}
_QUERY = (
    "SELECT id, insurer, message_id, keyid, nonce, received_at, content_type, body_digest, "
    "CASE WHEN octet_length(body) <= 65536 THEN body END, request, status, receipt, mapping "
    "FROM submissions WHERE id = ANY(%s)"
)
_RECORDS = (
    "SELECT submission_id, seq, insurer, type, policy_no, number, known_at, outcome, record, lineage FROM records "
    "WHERE submission_id = ANY(%s) ORDER BY seq"
)
_NAMES = ("seq", "insurer", "type", "policy_no", "number", "known_at", "outcome", "record", "lineage")


def judge(connection: Snapshot, said: Sequence[Said], people: Participants, found: Range) -> Iterator[Check]:
    """Every message that the log speaks of is there, as the log says, with the records that its bytes give."""
    ids = [one.body.get("submission_id") for one in said]
    there = {row[0]: row for row in rows(connection, _QUERY, ids)}
    kept: dict[str, list[dict[str, Any]]] = {}
    for name, *rest in rows(connection, _RECORDS, ids):
        kept.setdefault(name, []).append(dict(zip(_NAMES, rest, strict=True)))
    for one in said:
        name = str(one.body.get("submission_id"))
        row = there.pop(name, None)
        if row is None:
            yield missing("submissions", name, leaf=one.index)
            continue
        found.count("submissions")
        query = "SELECT body FROM submissions WHERE id = %s"
        body = whole(connection, row[8], query, name)
        yield from _judge_message(one, row, body, people)
        records = kept.get(name, [])
        for record in records:
            if not found.mark("records", record["seq"]):
                yield reordered("records", record["seq"], submission=name)
        yield from _judge_records(row, body, records, people)


def _judge_message(one: Said, row: tuple[Any, ...], body: bytes, people: Participants) -> Iterator[Check]:
    name, insurer, message, keyid, nonce, received_at, _, digest, _, request, status, receipt, mapping = row
    said, table = one.body, "submissions"
    actual = f"sha256:{hashlib.sha256(body).hexdigest()}"
    yield from compare(
        table,
        name,
        {
            "body": (said.get("body_digest"), actual),
            "body_digest": (actual, digest),
            "id": (id_of_submission(insurer, message, received_at), name),
            "insurer": (said.get("insurer"), insurer),
            "received_at": (one.at, received_at),
            "status": (_STATUS.get(str(said.get("outcome"))), status),
        },
    )
    try:
        told = orjson.loads(receipt)
        report = told["report"]
        stated = {
            "receipt": (canonical(told), bytes(receipt)),
            "receipt.report": (said["report_digest"], f"sha256:{hashlib.sha256(canonical(report)).hexdigest()}"),
            "receipt.body_digest": (actual, told["body_digest"]),
            "receipt.submission_id": (name, told["submission_id"]),
            "receipt.insurer": (insurer, told["insurer"]),
            "receipt.message_id": (message, told["message_id"]),
            "receipt.received_at": (received_at, datetime.fromisoformat(told["received_at"])),
            "receipt.status": (status, told["status"]),
            "receipt.leaf": ((one.index, one.hash.hex()), (told["leaf"]["index"], told["leaf"]["hash"])),
            "mapping": (report.get("basis", {}).get("mapping"), mapping),
        }
    except (KeyError, TypeError, ValueError):
        yield changed(table, name, "receipt")
    else:
        yield from compare(table, name, stated)
    yield from check_request(table, name, request, body, people, insurer)
    if isinstance(request, dict):
        yield from compare(table, name, {"keyid": (request.get("keyid"), keyid)})
        yield from check_nonce(table, name, request, nonce)


def _judge_records(
    row: tuple[Any, ...], body: bytes, kept: Sequence[Mapping[str, Any]], people: Participants
) -> Iterator[Check]:
    """The rows of `records` are what the bytes give, in their order."""
    name, insurer, message, keyid, nonce, received_at, content_type, _, _, request, _, receipt, mapping = row
    sender = people.find(insurer)
    if sender is None:
        yield not_known("submissions", name, f"participant {insurer}")
        return
    reading = read_again(body, content_type, sender, mapping)
    if reading is None:
        yield not_known("submissions", name, f"mapping {mapping}")
        return
    arrival = Arrival(
        sender, message, body, content_type, received_at, keyid, nonce, False, request, (), reading, row[7]
    )
    for place, read in enumerate(reading.records):
        if place >= len(kept):
            yield missing("records", f"{name}/{place + 1}", type=read.type, number=number_of(arrival, read))
            continue
        there = kept[place]
        yield from compare(
            "records",
            there["seq"],
            {
                "insurer": (insurer, there["insurer"]),
                "type": (read.type, there["type"]),
                "policy_no": (read.policy_no, there["policy_no"]),
                "number": (number_of(arrival, read), there["number"]),
                "known_at": (received_at, there["known_at"]),
                "record": (writable(read.values), there["record"]),
                "lineage": (writable(read.lineage), there["lineage"]),
            },
        )
    for extra in kept[len(reading.records) :]:
        yield added("records", extra["seq"], submission=name)
    yield from _check_outcomes(name, receipt, reading, kept)


def _check_outcomes(name: str, receipt: bytes, reading: Reading, kept: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """The worst of the records' outcomes and of the reading is what the receipt told; replaying tells each."""
    if not kept:
        return
    try:
        told = orjson.loads(receipt)["report"]["outcome"]
        outcomes = [Outcome(one["outcome"]) for one in kept]
    except (KeyError, TypeError, ValueError):
        return
    outcomes.append(worst(reading.checks))
    order = (Outcome.FAILED, Outcome.INDETERMINATE, Outcome.PASSED)
    actual = next(one for one in order if one in outcomes)
    if actual.value != told:
        yield changed("records", kept[0]["seq"], "outcome", told=told, there=actual.value, submission=name)


def read_again(body: bytes, content_type: str, sender: Participant, mapping: str | None) -> Reading | None:
    """The message as the mapping that read it then reads it; None if this software does not have that."""
    media_type = content_type.split(";")[0].strip().lower()
    if sender.role != "insurer":
        return read_message(body, media_type, sender)
    if mapping is None:
        return None
    code, _, version = mapping.rpartition("/")
    found = known_mappings().find(code, version)
    if found is None:
        return None
    return read_message(body, media_type, sender, Reader(found, known_mappings().digest(found)))
