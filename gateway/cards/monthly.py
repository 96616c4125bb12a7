"""The monthly card 月度评分卡: how timely, how complete, how often refused and corrected, and how the seals are."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gateway.cards import store, terms
from gateway.cards.store import Judged, SealUsed, Told, Window
from gateway.cards.terms import Period
from gateway.catalogue import Catalogue
from gateway.completeness.compare import complete_up_to, status_of
from gateway.completeness.store import DayState, list_closed_days, load_states
from gateway.completeness.watermark import first_of, start_of
from gateway.db import Connection
from gateway.participants import Participant
from schemas.canonical import as_json
from schemas.money import Yuan

_SLOWEST = 10
_MOST_SEALS = 50
_STATUSES = ("verified", "held", "refused")
EXPIRED = {"expired", "expired-without-time-proof", "seal-expired", "signed-after-expiry"}
REVOKED = {"revoked", "revoked-without-time-proof"}
UNKNOWN = {"revocation-unknown", "revocation-unusable"}
WEAK = {"algorithm-weak", "weak-digest", "weak-algorithm", "key-not-allowed", "key-unusable", "weak-point"}


async def make_monthly(
    connection: Connection,
    insurer: Participant,
    period: Period,
    as_of: datetime,
    catalogue: Catalogue,
    complete_from: date | None,
) -> dict[str, Any]:
    """What the card says, as plain JSON values; it follows from what was known at `as_of`."""
    window = Window(insurer.code, period.start, period.end, as_of)
    return {
        "messages": _counted(await store.count_messages(connection, window), _STATUSES),
        "records": _records(await store.count_records(connection, window)),
        "premiums": _counted(await store.count_premiums(connection, window), (*_STATUSES, "withdrawn")),
        "timeliness": {
            "from_issue": await _timeliness(connection, window, "policy"),
            "from_receipt_of_money": await _timeliness(connection, window, "premium_receipt"),
        },
        "completeness": await _completeness(connection, insurer.code, period, as_of, complete_from),
        "refusals": [
            {"rule": rule, "reason": reason, "count": count, "messages": messages, **_words(catalogue, rule, reason)}
            for rule, reason, count, messages in await store.count_refusals(connection, window)
        ],
        "corrections": await _corrections(connection, window),
        "seals": hygiene(
            await store.count_documents(connection, window),
            await store.list_seals(connection, window, _MOST_SEALS),
            as_of,
        ),
        "keys": told_keys(insurer, await store.count_keys(connection, window), as_of),
    }


def _counted(counts: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    return {"total": sum(counts.values()), **{name: counts.get(name, 0) for name in names}}


def _records(rows: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    types = sorted({kind for kind, _, _ in rows})
    counts = {(kind, outcome): count for kind, outcome, count in rows}
    outcomes = ("passed", "indeterminate", "failed")
    return [{"type": kind, **{one: counts.get((kind, one), 0) for one in outcomes}} for kind in types]


async def _timeliness(connection: Connection, window: Window, kind: str) -> dict[str, Any]:
    found = measure(await store.list_told(connection, window, kind))
    slowest = await store.list_slowest(connection, window, kind, _SLOWEST)
    return found | {
        "slowest": [
            {
                "policy_no": policy_no,
                "number": number,
                "stated_on": str(stated),
                "told_on": str(told),
                "days": (told - stated).days,
            }
            for policy_no, number, stated, told in slowest
            if told > stated
        ]
    }


def measure(told: Sequence[Told]) -> dict[str, Any]:
    """Days from the day that a record states to the day on which it was told: median and 90th percentile, and how many
    were late.

    The 90th percentile is the smallest number of days within which nine of ten were told. What states no day is
    counted as `without_day`; what was told before its day counts as no days. `undecided`: whether it is late cannot be
    said, for the holidays of the year are not published.
    """
    days: dict[int, int] = {}
    late = undecided = without = 0
    for stated, on, count in told:
        if stated is None:
            without += count
            continue
        taken = max(0, (on - stated).days)
        days[taken] = days.get(taken, 0) + count
        due = terms.due_by(stated, terms.LATE_AFTER)
        if due is None:
            undecided += count
        elif on > due:
            late += count
    total = sum(days.values())
    return {
        "count": total,
        "without_day": without,
        "median_days": _middle(days, total),
        "p90_days": None if not total else _ranked(days, -(-total * 9 // 10)),
        "max_days": max(days, default=None),
        "late": late,
        "undecided": undecided,
    }


def _middle(days: Mapping[int, int], total: int) -> str | None:
    """The median as text: of an even number the mean of the two in the middle."""
    if not total:
        return None
    twice = _ranked(days, (total + 1) // 2) + _ranked(days, total // 2 + 1)
    return f"{twice // 2}{'.5' if twice % 2 else ''}"


def _ranked(days: Mapping[int, int], rank: int) -> int:
    """The number of days of the one at this rank, from 1."""
    for taken in sorted(days):
        rank -= days[taken]
        if rank <= 0:
            return taken
    raise ValueError("there is no such rank")


async def _completeness(
    connection: Connection, insurer: str, period: Period, as_of: datetime, complete_from: date | None
) -> dict[str, Any]:
    states = await load_states(connection, [(insurer, day) for day in period.days()], as_of)
    closed = await list_closed_days(connection, insurer, as_of)
    agreeing = {state.day for state in await load_states(connection, closed, as_of) if status_of(state) == "agrees"}
    upto = complete_up_to(start_of(complete_from, first_of(closed)), agreeing)
    told = [_day(state) for state in states]
    counts = {name: sum(day["status"] == name for day in told) for name in ("agrees", "differs", "open", "too-early")}
    return {"days": len(told), **counts, "complete_up_to": None if upto is None else str(upto), "calendar": told}


def _day(state: DayState) -> dict[str, Any]:
    return {
        "date": str(state.day),
        "status": status_of(state),
        "stated_at": None if state.statement is None else as_json(state.statement.known_at),
        "superseded": state.superseded,
        "records": sum(count for count, _ in state.known.values()),
    }


async def _corrections(connection: Connection, window: Window) -> dict[str, Any]:
    again = await store.count_again(connection, window)
    withdrawn, impacts, clawback = await store.count_impacts(connection, window)
    return {
        "told_again": {kind: count for kind, count in again.items() if kind != "day_close"},
        "day_totals_superseded": again.get("day_close", 0),
        "red_letters": await store.count_red_letters(connection, window),
        "withdrawn": withdrawn,
        "impacts": impacts,
        "clawback": str(Yuan(clawback)),
    }


def _words(catalogue: Catalogue, rule: str, reason: str) -> dict[str, str]:
    known = catalogue.rules.get(rule)
    if known is None:
        return {"title": reason, "title_en": reason}
    text = known.reasons.get(reason, known.title)
    return {"title": text.zh, "title_en": text.en}


def hygiene(judged: Sequence[Judged], used: Sequence[SealUsed], as_of: datetime) -> dict[str, Any]:
    """What the verdicts on the documents say of seals and certificates: each document counts once under each word."""
    findings: dict[tuple[str, str], int] = {}
    for one in judged:
        for finding in one.findings:
            findings[finding] = findings.get(finding, 0) + one.count
    return {
        "documents": sum(one.count for one in judged),
        **{name: sum(one.count for one in judged if one.outcome == name) for name in _OUTCOMES},
        "expired": _having(judged, EXPIRED),
        "revoked": _having(judged, REVOKED),
        "revocation_unknown": _having(judged, UNKNOWN),
        "weak": _having(judged, WEAK),
        "claimed_time_only": sum(one.count for one in judged if one.claimed_only),
        "findings": [
            {"rule": rule, "reason": reason, "documents": count}
            for (rule, reason), count in sorted(findings.items(), key=lambda item: (-item[1], item[0]))
        ],
        "used": [
            {
                "subject": one.subject,
                "issuer": one.issuer,
                "serial": one.serial,
                "not_after": one.not_after,
                "certificate": _standing(one.not_after, as_of),
                "seal": one.seal_name,
                "seal_valid_to": one.seal_valid_to,
                "seal_standing": _standing(one.seal_valid_to, as_of),
                "algorithm": one.algorithm,
                "documents": one.count,
            }
            for one in used
        ],
    }


_OUTCOMES = ("passed", "indeterminate", "failed")


def _having(judged: Sequence[Judged], reasons: set[str]) -> int:
    """How many documents have a finding of one of these reasons."""
    return sum(one.count for one in judged if any(reason in reasons for _, reason in one.findings))


def _standing(end: str | None, as_of: datetime) -> str:
    """Whether what ends then had ended at `as_of`, or ends within 60 days; `unknown` if no end is known."""
    return standing(None if end is None else datetime.fromisoformat(end), as_of) if end else "unknown"


def standing(end: datetime | None, as_of: datetime) -> str:
    """`no-end`, `ended`, `ends-soon`, or `valid`."""
    if end is None:
        return "no-end"
    return "ended" if as_of > end else "ends-soon" if as_of > end - terms.KEYS_END_SOON else "valid"


def told_keys(insurer: Participant, used: Mapping[str, int], as_of: datetime) -> list[dict[str, Any]]:
    """The keys that are registered for the insurer, with what they signed; and those that signed and no longer are."""
    told: list[dict[str, Any]] = [
        {
            "keyid": key.keyid,
            "algorithm": key.algorithm,
            "not_after": None if key.not_after is None else as_json(key.not_after),
            "standing": standing(key.not_after, as_of),
            "messages": used.get(key.keyid, 0),
        }
        for key in insurer.keys
        if key.not_before is None or key.not_before <= as_of
    ]
    listed = {one["keyid"] for one in told}
    told += [
        {"keyid": keyid, "algorithm": None, "not_after": None, "standing": "unknown", "messages": count}
        for keyid, count in sorted(used.items())
        if keyid not in listed
    ]
    return told
