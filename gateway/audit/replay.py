"""Verdicts replayed from raw messages: of each premium the evidence bundle, in memory, computed again."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from gateway.bundle.collect import NotYet, collect
from gateway.bundle.read import Bundle, Unreadable
from gateway.bundle.replay import Replay
from gateway.bundle.verify import verify_bundle
from gateway.catalogue import Catalogue
from gateway.db import Connection
from gateway.submissions.gather import Judges
from gateway.submissions.group import PolicyKey
from schemas.verification import Check, failed, unknown
from signing.signer import Signer

_RULE = "audit.replay"


async def list_premiums(connection: Connection, after: PolicyKey | None, sample: int | None) -> list[PolicyKey]:
    """All premiums behind `after`, in order; or `sample` of all of them, the same ones each time."""
    cursor = await connection.execute(
        "SELECT insurer, policy_no FROM (SELECT insurer, policy_no FROM premiums WHERE revision = 1 "
        "ORDER BY md5(insurer || '/' || policy_no) LIMIT %s) AS chosen "
        'WHERE (insurer COLLATE "C", policy_no COLLATE "C") > (%s, %s) '
        'ORDER BY insurer COLLATE "C", policy_no COLLATE "C"',
        (sample, *(after or ("", ""))),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def replay_premium(
    connection: Connection,
    key: PolicyKey,
    judges: Judges,
    catalogue: Catalogue,
    trust_dir: Path,
    signers: Sequence[Signer],
    log_key: str,
    at: datetime,
) -> list[Check]:
    """What does not come out as it was told: each step of the bundle, the journal, and the verdict on each record."""
    name = f"{key[0]}/{key[1]}"
    try:
        data = await collect(connection, key, judges, catalogue, trust_dir, signers, at)
        bundle, steps = verify_bundle(data, trust_dir, log_key=log_key)
    except NotYet as error:
        return [unknown(_RULE, "absent", premium=name, step="collect", detail=str(error))]
    except (Unreadable, KeyError, ValueError) as error:
        return [failed(_RULE, "differs", premium=name, step="read", detail=str(error)[:200])]
    found: list[Check] = []
    for step in steps:
        detail = "; ".join(step.detail)[:500]
        if step.result == "differs":
            found.append(failed(_RULE, "differs", premium=name, step=step.name, detail=detail))
        elif step.result == "absent":
            found.append(unknown(_RULE, "absent", premium=name, step=step.name, detail=detail))
    if not found:
        found += await _judge_tables(connection, key, bundle)
    return found


async def _judge_tables(connection: Connection, key: PolicyKey, bundle: Bundle) -> list[Check]:
    """The journal and the records' outcomes are those that came out."""
    replay = Replay(bundle)
    for _ in replay.run():
        pass
    state = replay.known.states[key]
    cursor = await connection.execute(
        "SELECT kind, debit, credit, amount, day, source, reason FROM movements "
        "WHERE (insurer, policy_no) = (%s, %s) ORDER BY id",
        key,
    )
    there = [(row[0], row[1], row[2], int(row[3]), *row[4:]) for row in await cursor.fetchall()]
    due = [(one.kind, one.debit, one.credit, one.amount, one.day, one.source, one.reason) for one in state.posted]
    found = list(_compare(key, "movements", due, there))
    cursor = await connection.execute(
        "SELECT submission_id, type, coalesce(number, ''), outcome FROM records "
        "WHERE (insurer, policy_no) = (%s, %s) ORDER BY seq",
        key,
    )
    rows: list[tuple[object, ...]] = [tuple(row) for row in await cursor.fetchall()]
    known: list[tuple[object, ...]] = [
        (one.submission_id, one.type, one.number or "", one.outcome.value)
        for one in state.records
        if one.type != "invoice"
    ]
    return found + list(_compare(key, "records", known, rows))


def _compare(
    key: PolicyKey, table: str, due: Sequence[tuple[object, ...]], there: Sequence[tuple[object, ...]]
) -> Iterator[Check]:
    for place in range(max(len(due), len(there))):
        told = due[place] if place < len(due) else None
        row = there[place] if place < len(there) else None
        if told != row:
            yield failed(
                _RULE,
                "differs",
                premium=f"{key[0]}/{key[1]}",
                step=table,
                row=place + 1,
                told=str(row)[:200],
                comes_out=str(told)[:200],
            )
