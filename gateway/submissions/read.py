"""A message's bytes as records: translated by the adapter, completed, and held against the standard schema."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from adapters import translate_with
from adapters.completion import complete
from adapters.drafts import Draft, Lineage
from adapters.mapping import Mapping as InsurerMapping
from adapters.versions import known
from gateway.entries import as_check
from gateway.mappings.in_force import Reader, format_of
from gateway.participants import Participant
from schemas.base import Noun
from schemas.canonical import as_json
from schemas.submission import RECORDS, SCHEMA, Envelope
from schemas.verification import Check, Severity, failed, passed
from untrusted import Refused, read_json

_NUMBER_FIELDS = {
    "policy": "policy_no",
    "endorsement": "endorsement_no",
    "cancellation": "endorsement_no",
    "premium_receipt": "receipt_no",
    "premium_refund": "refund_no",
    "invoice": "invoice_no",
}
_OFFICIAL = {"subsidy_system": ("award",), "regulator": ("decision", "directive")}
_NOT_OF_INSURERS = frozenset({"filing", "award", "decision", "directive"})
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")
_MOST_ERRORS = 200  # of one record; who reads more
_MOST_RECORDS = 10_000  # of one message, which is decided in one transaction


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One record of a message: its noun, its canonical JSON values, and where each field came from."""

    type: str
    noun: Noun
    values: Mapping[str, Any]
    lineage: Mapping[str, Any]
    row: int

    @property
    def policy_no(self) -> str | None:
        """The policy that the record is about, if it is about one."""
        number: str | None = self.values.get("policy_no")
        return number

    @property
    def number(self) -> str | None:
        """The record's own number, by which a repeat is recognised."""
        name = _NUMBER_FIELDS.get(self.type)
        return self.values.get(name) if name else None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says: all of its records, or none and every problem. `checks` holds one that passed, or these.

    `basis` names what read it, for the report: the mapping, and the digest of its file.
    """

    message_id: str | None
    records: tuple[ReadRecord, ...]
    checks: tuple[Check, ...]
    basis: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_refused(self) -> bool:
        """Whether the message could not be read as a whole: then no record of it counts."""
        return not self.records


def read_message(body: bytes, media_type: str, sender: Participant, reader: Reader | None = None) -> Reading:
    """Read one message: the standard schema if it is `application/json`, else the sender's own format.

    `reader` is the mapping in force for the sender and this format (`InForce.reader`); without it, what is shipped.
    All or nothing: one row with a problem that refuses, and the message has no records. Every problem is told at once,
    with rule, field, place, raw value and, where certain, the fix.
    """
    if sender.role != "insurer":
        return _read_official(body, sender)
    mapping, digest = (reader.mapping, reader.digest) if reader else _shipped(format_of(sender, media_type))
    code = mapping.dialect
    basis = {"mapping": mapping.id, "mapping_file": digest}
    message_id: str | None = None
    records: list[ReadRecord] = []
    checks: list[Check] = []
    rows = 0
    for row in translate_with(mapping, body, media_type=media_type, insurer=sender.code):
        rows += 1
        message_id = message_id or _usable(row.envelope.get("message_id"))
        checks += [as_check(problem, row.row) for problem in row.problems]
        for draft in row.records:
            read = _as_record(_registered(complete(draft, mapping), sender), row.row)
            if not isinstance(read, ReadRecord):
                checks += read
            elif read.type in _NOT_OF_INSURERS:
                checks.append(_of_another(read.type, sender))
            else:
                records.append(read)
        if len(records) > _MOST_RECORDS:
            checks.append(failed("message.records", "too-many", most=_MOST_RECORDS))
            break
    if rows > 1 and mapping.rows[0].envelope:  # several messages, each with an id of its own
        checks.append(failed("message.one-envelope", "several", count=rows))
    if not records and not any(check.severity is Severity.ERROR for check in checks):
        checks.append(failed("message.records", "none"))
    if any(check.severity is Severity.ERROR for check in checks):
        return Reading(message_id, (), tuple(checks), basis)
    told = passed("message.records", count=len(records), format=code)
    return Reading(message_id, tuple(records), (told, *checks), basis)


def _registered(draft: Draft, sender: Participant) -> Draft:
    """The draft with the facts that are registered for its insurer, where its format does not carry them."""
    if draft.type != "policy" or sender.line is None or "line" in draft.record:
        return draft
    record = {**draft.record, "line": sender.line}
    lineage = {**draft.lineage, "line": Lineage("registered", None, "participants")}
    return Draft(draft.type, record, lineage, draft.keys, draft.nth)


def _shipped(code: str) -> tuple[InsurerMapping, str]:
    mapping = known().shipped(code)
    return mapping, known().digest(mapping)


def _read_official(body: bytes, sender: Participant) -> Reading:
    """An award or decision, which is told in the standard schema by whom it belongs to, without an insurer."""
    try:
        value = read_json(body)
    except Refused as refused:
        return Reading(None, (), (failed(refused.rule, "malformed", detail=refused.detail, where=refused.where),))
    try:
        envelope = Envelope.model_validate(value)
    except ValidationError as error:
        return Reading(None, (), tuple(_schema_checks(error, 1, {})))
    if envelope.schema_ != SCHEMA or envelope.type not in _OFFICIAL.get(sender.role, ()):
        return Reading(envelope.message_id, (), (_of_another(envelope.type, sender),))
    read = _as_record(Draft(envelope.type, envelope.record, {}), 1)
    if isinstance(read, ReadRecord):
        return Reading(envelope.message_id, (read,), (passed("message.records", count=1, format="standard"),))
    return Reading(envelope.message_id, (), tuple(read))


def _usable(message_id: str | None) -> str | None:
    """What a format calls its messages, if it can name one here."""
    return message_id if message_id is not None and _MESSAGE_ID.fullmatch(message_id) else None


def _of_another(kind: str, sender: Participant) -> Check:
    return failed("message.sender", "another-type", field="type", type=kind, role=sender.role)


def _as_record(draft: Draft, row: int) -> ReadRecord | list[Check]:
    try:
        noun = RECORDS[draft.type].model_validate(draft.record)
    except ValidationError as error:
        return list(_schema_checks(error, row, draft.lineage))
    lineage = {path: found.as_json() for path, found in draft.lineage.items()}
    return ReadRecord(draft.type, noun, as_json(noun), lineage, row)


# What the standard schema can have against a value, in the words of the catalogue.
_REASONS = {
    "string_too_long": "too-long",
    "too_long": "too-many",
    "string_too_short": "too-short",
    "too_short": "too-few",
    "string_pattern_mismatch": "form",
    "literal_error": "not-in-list",
    "enum": "not-in-list",
}


def _schema_checks(error: ValidationError, row: int, lineage: Mapping[str, Lineage]) -> Iterable[Check]:
    """Each thing that keeps a record from being one, by the rule that it breaks, and where in the source it stands."""
    for problem in error.errors(include_url=False, include_input=False)[:_MOST_ERRORS]:
        field = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int)) or None
        kind = problem["type"]
        facts = {"row": row, **_place(lineage, ".".join(map(str, problem["loc"])))}
        if kind == "missing":
            yield failed("field.missing", "missing", field=field, **facts)
        elif kind == "extra_forbidden":
            yield failed("field.unaccounted", "unknown", field=field, **facts)
        else:
            reason = _REASONS.get(kind, "not-allowed")
            yield failed("schema.value", reason, field=field, **facts, kind=kind, detail=problem["msg"])


def _place(lineage: Mapping[str, Lineage], path: str) -> dict[str, Any]:
    """Where the value stands in the source, and its raw text; of a missing value nothing."""
    found = lineage.get(path)
    if found is None:
        return {}
    return {"where": found.source} | ({"raw": found.raw[:200]} if found.raw is not None else {})
