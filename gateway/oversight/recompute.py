"""The numbers of the compliance board from an export of the feed, without a database: what a regulator checks us with.

Each revision is read back as the noun that it is, so that its report is about its facts and its status follows; then
the latest one of each policy is counted by its own checks. Nothing here is shared with the SQL but the form of answers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError

from gateway.errors import GatewayError
from gateway.oversight.compliance import RULES, STOPPED, UNFILED, By, Cell, Wanted, rows_of, total_of
from schemas.policy import Clause
from schemas.verification import Check, Outcome
from schemas.verified import VerifiedPremium
from untrusted import Refused, read_json

_GRAVITY = (Outcome.FAILED, Outcome.INDETERMINATE, Outcome.PASSED)
_LETTER = {Outcome.FAILED: "f", Outcome.INDETERMINATE: "i", Outcome.PASSED: "p"}
_LONGEST_LINE = 32 * 1024 * 1024


class NotTheFeed(GatewayError):
    """The export is not the feed from its beginning on, without a gap."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts of the latest revision of a policy. `reasons` are those of FL-1 and FL-2, by clause."""

    insurer: str
    status: str
    line: str | None
    signed_on: date | None
    outcomes: str
    clauses: tuple[str, ...]
    reasons: tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]


def read_feed(lines: Iterable[bytes]) -> Iterator[VerifiedPremium]:
    """The revisions of an export of `GET /v1/premiums/changes` as JSON Lines, in order; the ends of pages are skipped.

    Raises `NotTheFeed` on a line that is none, on a gap, and on a revision that does not follow from its own report.
    """
    position = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > _LONGEST_LINE:
            raise NotTheFeed(f"line {number}: longer than {_LONGEST_LINE} bytes")
        try:
            item = read_json(line)
        except Refused as refused:
            raise NotTheFeed(f"line {number}: {refused.detail}") from refused
        if isinstance(item, dict) and "cursor" in item and "premium" not in item:
            continue
        if not isinstance(item, dict) or item.get("previous") != position or item.get("position") != position + 1:
            raise NotTheFeed(f"line {number}: position {position + 1} is missing")
        position += 1
        try:
            yield VerifiedPremium.model_validate(item.get("premium"))
        except ValidationError as error:
            first = error.errors()[0]
            raise NotTheFeed(f"line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def recompute(premiums: Iterable[VerifiedPremium], wanted: Wanted, by: By) -> dict[str, Any]:
    """`by`, `rows` and `total` as the board tells them, from every revision in the order of the feed."""
    latest: dict[tuple[str, str], Policy] = {}
    for premium in premiums:
        if wanted.as_of is None or premium.known_at <= wanted.as_of:
            latest[premium.insurer, premium.policy_no] = policy_of(premium)
    counted = [one for one in latest.values() if is_wanted(one, wanted)]
    return {
        "as_of": (wanted.as_of or datetime.now(UTC)).isoformat(),
        "by": by,
        "rows": rows_of(by, (cell for one in counted for cell in _cells(one, by, wanted))),
        "total": total_of(Cell(None, one.insurer, one.status, one.outcomes, 1) for one in counted),
    }


def policy_of(premium: VerifiedPremium) -> Policy:
    """What counts of one revision."""
    policy = premium.policy
    checks: dict[str, list[Check]] = {}
    for check in premium.report.checks:
        checks.setdefault(check.rule, []).append(check)
    return Policy(
        insurer=premium.insurer,
        status=premium.status,
        line=policy.line if policy else None,
        signed_on=policy.issued_on if policy else None,
        outcomes="".join(_letter(checks.get(rule, [])) for rule in RULES.values()),
        clauses=_clauses(policy.clauses if policy else ()),
        reasons=(_reasons(checks.get(RULES["FL-1"], [])), _reasons(checks.get(RULES["FL-2"], []))),
    )


def is_wanted(one: Policy, wanted: Wanted) -> bool:
    """Whether the policy is among those that are asked about."""
    if wanted.insurer not in (None, one.insurer) or wanted.line not in (None, one.line or ""):
        return False
    if wanted.status not in (None, one.status) or wanted.clause not in (None, *(one.clauses or ("",))):
        return False
    if wanted.unsigned and one.signed_on is not None:
        return False
    if wanted.first is not None and (one.signed_on is None or one.signed_on < wanted.first):
        return False
    if wanted.last is not None and (one.signed_on is None or one.signed_on > wanted.last):
        return False
    if wanted.kind is not None and wanted.clause is not None:
        found = one.reasons[0 if wanted.kind == "unfiled" else 1].get(wanted.clause, frozenset())
        if not found & (UNFILED if wanted.kind == "unfiled" else STOPPED):
            return False
    if wanted.check is None or wanted.outcome is None:
        return True
    letter = one.outcomes[list(RULES).index(wanted.check)]
    return {"p": "passed", "f": "failed", "i": "indeterminate", "-": "not_judged"}[letter] == wanted.outcome


def _cells(one: Policy, by: By, wanted: Wanted) -> Iterator[Cell]:
    keys: dict[By, tuple[str | date | None, ...]] = {
        "insurer": (one.insurer,),
        "line": (one.line,),
        "month": (one.signed_on,),
        "clause": tuple(clause for clause in one.clauses or ("",) if wanted.clause in (None, clause)),
    }
    for key in keys[by]:
        yield Cell(key, one.insurer, one.status, one.outcomes, 1)


def _letter(checks: list[Check]) -> str:
    return next((_LETTER[bad] for bad in _GRAVITY if any(one.outcome is bad for one in checks)), "-")


def _clauses(clauses: Iterable[Clause]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clause.registration_no for clause in clauses))


def _reasons(checks: list[Check]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for check in checks:
        told = check.facts.get("clauses")
        for one in told if isinstance(told, list) else ():
            if isinstance(one, dict) and isinstance(one.get("registration_no"), str):
                reasons = found.setdefault(str(one["registration_no"]), set())
                if one.get("reason"):
                    reasons.add(str(one["reason"]))
    return {clause: frozenset(reasons) for clause, reasons in found.items()}
