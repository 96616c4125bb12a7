"""The owners of a trust folder: whether each is known by what can be right, and by what is nobody else's."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import combinations
from typing import Any

from schemas.identifiers import credit_code
from schemas.verification import Check, Severity, failed, passed
from signing.trust import Owner

_FILE = "owners.toml"


def check_owners(owners: Sequence[Owner], at: datetime) -> Iterator[Check]:
    """Credit codes whose check character holds, periods that do not overlap, signs that name one insurer."""
    for owner in owners:
        yield _check_credit_code(owner)
        if not owner.holds_at(at):
            yield failed(
                "trust.owner-period",
                "not-in-force",
                severity=Severity.NOTICE,
                field=_FILE,
                insurer=owner.insurer,
                **_days(owner),
            )
    clashes = [check for one, other in combinations(owners, 2) if (check := _clash(one, other)) is not None]
    yield from clashes
    if owners and not clashes:
        yield passed("trust.owner-period")


def _check_credit_code(owner: Owner) -> Check:
    """GB 32100-2015: a code with a wrong check character is in no certificate that is believed."""
    if owner.credit_code is None:
        return passed("trust.owner-credit-code")
    try:
        credit_code(owner.credit_code)
    except ValueError as error:
        reason = "form" if str(error) == "form" else "check-character"
        return failed(
            "trust.owner-credit-code", reason, field=_FILE, insurer=owner.insurer, credit_code=owner.credit_code
        )
    return passed("trust.owner-credit-code")


def _clash(one: Owner, other: Owner) -> Check | None:
    """Two entries in force on the same day that name the same sign, or that are two periods of one insurer."""
    if not _overlap(one, other):
        return None
    shared = sorted(
        {code for code in (one.credit_code,) if code is not None and code == other.credit_code}
        | (one.seal_ids & other.seal_ids)
        | (one.certificates & other.certificates)
    )
    facts: dict[str, Any] = {"insurer": one.insurer, "first": _span(one), "second": _span(other)}
    if one.insurer != other.insurer:
        if not shared:
            return None
        return failed(
            "trust.owner-period", "claimed-by-two", field=_FILE, other=other.insurer, shared=shared[:5], **facts
        )
    dated = any(day is not None for day in (one.first, one.last, other.first, other.last))
    if shared or dated:
        return failed("trust.owner-period", "periods-overlap", field=_FILE, shared=shared[:5], **facts)
    return None


def _overlap(one: Owner, other: Owner) -> bool:
    return (one.first or date.min) <= (other.last or date.max) and (other.first or date.min) <= (one.last or date.max)


def _days(owner: Owner) -> dict[str, Any]:
    return {
        "from": owner.first.isoformat() if owner.first else None,
        "to": owner.last.isoformat() if owner.last else None,
    }


def _span(owner: Owner) -> str:
    days = _days(owner)
    return f"{days['from'] or '…'} – {days['to'] or '…'}"
