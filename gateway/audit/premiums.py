"""Revisions of premiums against the log, and the journal of their money against what each revision states."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.audit.entry import Range, Said
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import changed, compare, missing, reordered
from gateway.participants import Participants
from schemas.canonical import canonical
from schemas.money import Yuan
from schemas.verification import Check

_QUERY = (
    "SELECT p.insurer, p.policy_no, p.revision, p.position, p.status, p.known_at, p.leaf_index, p.leaf_hash, "
    "p.signature, p.policy_submission, p.net_paid, p.worth, p.body "
    "FROM unnest(%s::text[], %s::text[], %s::int[]) AS k(insurer, policy_no, revision) "
    "JOIN premiums p USING (insurer, policy_no, revision)"
)
_JOURNAL = (
    "SELECT m.insurer, m.policy_no, m.revision, m.id, m.kind, m.debit, m.credit, m.amount, m.known_at, m.reason "
    "FROM unnest(%s::text[], %s::text[]) AS k(insurer, policy_no) JOIN movements m USING (insurer, policy_no) "
    "ORDER BY m.id"
)
_USUAL = {
    "due": ("receivable", "premium"),
    "received": ("bank", "receivable"),
    "refunded": ("receivable", "bank"),
    "returned": ("premium", "receivable"),
    "written_off": ("losses", "receivable"),
}
Key = tuple[str, str, int]


def judge(connection: Snapshot, said: Sequence[Said], _: Participants, found: Range) -> Iterator[Check]:
    """Every revision that the log speaks of is there, byte for byte, in the order of the log, with its journal."""
    keys = [(str(one.body.get("insurer")), str(one.body.get("policy_no")), _number(one)) for one in said]
    insurers, numbers, revisions = (list(column) for column in zip(*keys, strict=True))
    there = {(row[0], row[1], row[2]): row[3:] for row in rows(connection, _QUERY, insurers, numbers, revisions)}
    journal = _journal(connection, {key[:2] for key in keys})
    for one, key in zip(said, keys, strict=True):
        name = "/".join(map(str, key))
        row = there.get(key)
        if row is None:
            yield missing("premiums", name, leaf=one.index)
            continue
        found.count("premiums")
        if not found.mark("premiums", row[0]):
            yield reordered("premiums", name, position=row[0])
        yield from _judge_revision(one, key, name, row, journal.get(key[:2], []))


def _number(one: Said) -> int:
    number = one.body.get("revision")
    return number if isinstance(number, int) else 0


def _judge_revision(
    one: Said, key: Key, name: str, row: tuple[Any, ...], journal: Sequence[tuple[Any, ...]]
) -> Iterator[Check]:
    _, status, known_at, leaf_index, leaf_hash, signature, policy_submission, net_paid, worth, body = row
    actual = f"sha256:{hashlib.sha256(body).hexdigest()}"
    columns = {
        "body": (one.body.get("digest"), actual),
        "status": (one.body.get("status"), status),
        "known_at": (one.at, known_at),
        "leaf_index": (one.index, leaf_index),
        "leaf_hash": (one.hash.hex(), leaf_hash),
    }
    yield from compare("premiums", name, columns)
    try:
        premium = orjson.loads(body)
        stated = {
            "body.insurer": (key[0], premium["insurer"]),
            "body.policy_no": (key[1], premium["policy_no"]),
            "body.revision": (key[2], premium["revision"]),
            "body.status": (status, premium["status"]),
            "body.known_at": (known_at, datetime.fromisoformat(premium["known_at"])),
            "signature": (_signature(premium), signature),
            "net_paid": (_net_paid(premium), net_paid),
            "worth": (_worth(premium), worth),
            "policy_submission": (_settles(premium), policy_submission is not None),
        }
    except (KeyError, TypeError, ValueError):
        yield changed("premiums", name, "body")
        return
    yield from compare("premiums", name, stated)
    if policy_submission is not None and policy_submission not in premium["evidence"]["submissions"]:
        yield changed("premiums", name, "policy_submission", there=policy_submission)
    yield from _judge_journal(key, name, premium, known_at, journal)


def _settles(premium: Mapping[str, Any]) -> bool:
    """Whether somebody may rely on its amount: of such a revision the submission of its policy is kept."""
    return premium["status"] == "verified" and premium.get("money") is not None


def _net_paid(premium: Mapping[str, Any]) -> str | None:
    if _settles(premium):
        return str(premium["money"]["net_paid"])
    return "0.00" if premium["status"] == "withdrawn" else None


def _worth(premium: Mapping[str, Any]) -> dict[str, str] | None:
    if _settles(premium):
        return {one["scheme"]: one["subsidy"] for one in premium.get("schemes", ())}
    return {} if premium["status"] == "withdrawn" else None


def _signature(premium: Mapping[str, Any]) -> str:
    """What made the revision new, as `gateway.submissions.verdict.signature_of` has it, from its bytes."""
    report = premium["report"]
    checks = [*report["checks"], *(check for seal in report.get("seals", ()) for check in seal["checks"])]
    points = {
        (one["rule"], one.get("reason") or "", one.get("field") or "", str(one.get("facts", {}).get("document", "")))
        for one in checks
        if one["outcome"] != "passed" and one.get("severity", "error") == "error"
    }
    worth = [
        [one["scheme"], one["outcome"], one["eligible_premium"], one["subsidy"]] for one in premium.get("schemes", ())
    ]
    told = [premium["status"], report.get("digest"), [list(point) for point in sorted(points)], worth]
    return f"{premium['status']}:{hashlib.sha256(canonical(told)).hexdigest()}"


def _journal(connection: Snapshot, keys: set[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    columns = [insurer for insurer, _ in keys], [number for _, number in keys]
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for insurer, number, *rest in rows(connection, _JOURNAL, *columns):
        found[insurer, number].append(tuple(rest))
    return found


def _judge_journal(
    key: Key, name: str, premium: Mapping[str, Any], known_at: datetime, journal: Sequence[tuple[Any, ...]]
) -> Iterator[Check]:
    """The journal up to this revision adds up to the account that the revision states; its rows are of their kinds."""
    sums = dict.fromkeys(_USUAL, 0)
    last = 0
    for revision, number, kind, debit, credit, amount, known, _ in journal:
        usual = (debit, credit) == _USUAL[kind]
        if revision <= key[2]:
            sums[kind] += int(amount) if usual else -int(amount)
        if revision != key[2]:
            continue
        if not usual and (credit, debit) != _USUAL[kind]:
            yield changed("movements", number, "accounts", there=f"{debit}/{credit}")
        if known != known_at:
            yield changed("movements", number, "known_at", told=str(known_at), there=str(known))
        if number < last:
            yield reordered("movements", number)
        last = number
    money = premium.get("money")
    if money is None:
        return
    told = {
        "due": _fen(money["due"]),
        "received": _fen(money["received"]),
        "refunded": _fen(money["refunded"]),
        "written_off": _fen(money.get("written_off", "0.00")),
    }
    # Written up and then returned: what is due is what remains.
    there = {**sums, "due": sums["due"] - sums["returned"]}
    for kind, fen in told.items():
        if there[kind] != fen:
            yield changed("movements", name, kind, told=fen, there=there[kind])


def _fen(text: str) -> int:
    return Yuan.of(text).fen
