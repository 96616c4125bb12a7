"""Sealed documents against the log, and the verdicts on them against what their columns say."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_bodiless, check_request
from gateway.audit.store import Snapshot, rows, whole
from gateway.audit.told import changed, compare, missing, reordered
from gateway.participants import Participants
from schemas.verification import Check, Report

_QUERY = (
    "SELECT d.digest, d.insurer, d.media_type, d.size, "
    "CASE WHEN octet_length(d.bytes) <= 65536 THEN d.bytes END, d.received_at, d.request, d.kept_in, "
    "EXISTS (SELECT FROM erasures e WHERE e.document = d.digest) "
    "FROM unnest(%s::text[], %s::text[]) AS k(digest, insurer) JOIN documents d USING (digest, insurer)"
)
_VERDICTS = (
    "SELECT v.digest, v.insurer, v.id, v.at, v.outcome, v.kind, v.policy_no, v.verdict "
    "FROM unnest(%s::text[], %s::text[]) AS k(digest, insurer) JOIN document_verdicts v USING (digest, insurer) "
    "ORDER BY v.id"
)


def judge(connection: Snapshot, said: Sequence[Said], people: Participants, found: Range) -> Iterator[Check]:
    """Every document that the log speaks of is there, with these bytes, and its first verdict is the one logged.

    Of one that is in the evidence store, or was erased by order, all but the bytes.
    """
    keys = [(str(one.body.get("digest")), str(one.body.get("insurer"))) for one in said]
    digests, insurers = [digest for digest, _ in keys], [insurer for _, insurer in keys]
    there = {(row[0], row[1]): row[2:] for row in rows(connection, _QUERY, digests, insurers)}
    verdicts: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for digest, insurer, *rest in rows(connection, _VERDICTS, digests, insurers):
        verdicts.setdefault((digest, insurer), []).append(tuple(rest))
    for one, key in zip(said, keys, strict=True):
        name = f"{key[1]}/{key[0]}"
        row = there.get(key)
        if row is None:
            yield missing("documents", name, leaf=one.index)
            continue
        found.count("documents")
        _, size, given, received_at, request, kept_in, is_erased = row
        yield from compare("documents", name, {"received_at": (one.at, received_at)})
        if kept_in == "erased" and not is_erased:
            yield missing("erasures", key[0], document=name)
        yield from _judge_verdicts(one, name, verdicts.get(key, []))
        if kept_in is not None:  # what the store has is judged apart, each of its documents once
            yield from check_bodiless("documents", name, request, key[0], people, key[1])
            continue
        data = whole(connection, given, "SELECT bytes FROM documents WHERE (digest, insurer) = (%s, %s)", *key)
        stated = {
            "bytes": (key[0], f"sha256:{hashlib.sha256(data).hexdigest()}"),
            "size": (len(data), size),
        }
        yield from compare("documents", name, stated)
        yield from check_request("documents", name, request, data, people, key[1])


def _judge_verdicts(one: Said, name: str, verdicts: Sequence[tuple[Any, ...]]) -> Iterator[Check]:
    table = "document_verdicts"
    if not verdicts:
        yield missing(table, name, leaf=one.index)
        return
    yield from compare(table, verdicts[0][0], {"first.at": (one.at, verdicts[0][1])})
    yield from compare(table, verdicts[0][0], {"first.outcome": (one.body.get("outcome"), verdicts[0][2])})
    last = one.at
    for number, at, outcome, kind, policy_no, verdict in verdicts:
        if at < last:
            yield reordered(table, number, document=name)
        last = max(last, at)
        try:
            # The report's outcome has to follow from its checks; what the seals say, judging again says.
            report = Report.model_validate(verdict["report"])
            stated = {
                "outcome": (report.outcome.value, outcome),
                "at": (report.at, at),
                "kind": (verdict["kind"], kind),
                "policy_no": (verdict["fields"].get("policy_no", {}).get("value"), policy_no),
            }
        except (KeyError, TypeError, ValidationError):
            yield changed(table, number, "verdict", document=name)
            continue
        yield from compare(table, number, stated)
