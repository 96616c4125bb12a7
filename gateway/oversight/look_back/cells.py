"""One clause of one insurer in one year: premium earned, claims, their ratio with its band, and what follows. Pure.

Basis: 浙经信医药〔2025〕348号 三: insurers price by 保本微利 and 精算平衡, look back at rates 费率回溯 and adjust.
The text gives no number: the corridor of a loss ratio is the caller's, and every answer names it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from gateway.oversight.look_back.bands import band
from gateway.oversight.look_back.claims import Claims
from gateway.oversight.look_back.store import Earned
from schemas.canonical import as_json
from schemas.filing import Filing
from schemas.money import Yuan, percent
from schemas.verification import Check, Severity, failed, passed, unknown

_NOTICE = Severity.NOTICE  # no premium depends on it (R-ZJ-29)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio in percent, and between which ends it may lie; no upper end is known where there was no claim."""

    value: Fraction
    low: Fraction
    high: Fraction | None

    def as_json(self, places: int = 2) -> dict[str, str | None]:
        """Percent as text, rounded half to even."""
        high = None if self.high is None else rounded(self.high, places)
        return {"value": rounded(self.value, places), "low": rounded(self.low, places), "high": high}


@dataclass(frozen=True, slots=True)
class Corridor:
    """Between which loss ratios, in percent, premiums are said to be 保本微利."""

    lowest: Decimal
    highest: Decimal


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one clause. `earned` is of the year, `covered` of the days that the reports speak of."""

    insurer: str
    clause: str
    earned: Earned | None
    claims: Claims | None
    covered: Earned | None
    filings: Sequence[Filing] = ()

    def basis(self) -> str | None:
        """Whether claims are measured against premium without tax (`net`), or with it where not every policy states
        its tax."""
        if self.covered is None:
            return None
        return "net" if self.covered.net is not None else "gross"

    def why_no_ratio(self) -> str | None:
        """Why claims and premium cannot be compared, or `None` if they can."""
        if self.claims is None or not self.claims.reports:
            return "no-claims-stated"
        if self.claims.problem == "overlapping":
            return "periods-overlap"
        if self.claims.problem == "crosses-year":
            return "period-crosses-year"
        return "no-premium-earned" if self.covered is None or self.covered.gross <= 0 else None

    def loss_ratio(self) -> Ratio | None:
        """赔付率: claims paid and outstanding over premium earned in the same days."""
        if self.why_no_ratio() is not None or self.covered is None or self.claims is None:
            return None
        earned = self.covered.net if self.covered.net is not None else self.covered.gross
        return _ratio(self.claims, earned) if earned > 0 else None

    def needed_rate(self) -> Ratio | None:
        """The rate that the claims alone would have needed: claims over the base on which premium was earned."""
        if self.why_no_ratio() is not None or self.covered is None or self.claims is None:
            return None
        base = self.covered.base
        return _ratio(self.claims, base) if base is not None and base > 0 else None


def _ratio(claims: Claims, over: Fraction) -> Ratio:
    value = Fraction(claims.incurred) * 100 / over
    ends = band(claims.count)
    if ends is None:
        return Ratio(value, Fraction(0), None)
    return Ratio(value, value * Fraction(ends[0]), value * Fraction(ends[1]))


def pooled(cells: Iterable[Cell]) -> dict[str, Fraction]:
    """The loss ratio in percent of all clauses together, by basis: what one clause is held against."""
    sums: dict[str, tuple[Fraction, Fraction]] = {}
    for cell in cells:
        basis = cell.basis()
        if cell.loss_ratio() is None or basis is None or cell.covered is None or cell.claims is None:
            continue
        incurred, earned = sums.get(basis, (Fraction(0), Fraction(0)))
        own = cell.covered.net if cell.covered.net is not None else cell.covered.gross
        sums[basis] = (incurred + cell.claims.incurred, earned + own)
    return {basis: incurred * 100 / earned for basis, (incurred, earned) in sums.items()}


def checks_of(cell: Cell, pool: dict[str, Fraction], corridor: Corridor) -> tuple[Check, ...]:
    """What follows from a clause's numbers; none of it decides about a premium."""
    return (check_rate_band(cell), check_break_even(cell, corridor), check_outlier(cell, pool))


def check_rate_band(cell: Cell) -> Check:
    """R-ZJ-29: the rate that the claims would have needed lies in the filed band, with all of its own band."""
    rule = "pricing.rate-band"
    needed = cell.needed_rate()
    lows = [percent(one.rate_min_percent) for one in cell.filings if one.rate_min_percent is not None]
    highs = [percent(one.rate_max_percent) for one in cell.filings if one.rate_max_percent is not None]
    facts: dict[str, Any] = {
        "needed": needed.as_json(4) if needed else None,
        "filed": {"low": str(max(lows)) if lows else None, "high": str(min(highs)) if highs else None},
    }
    if needed is None:
        return unknown(rule, cell.why_no_ratio() or "base-not-stated", severity=_NOTICE, **facts)
    if needed.high is None:
        return unknown(rule, "no-claim", severity=_NOTICE, **facts)
    if not lows or not highs:
        return unknown(rule, "band-not-stated", severity=_NOTICE, **facts)
    if needed.low > Fraction(min(highs)):
        return failed(rule, "above-band", severity=_NOTICE, **facts)
    if needed.high < Fraction(max(lows)):
        return failed(rule, "below-band", severity=_NOTICE, **facts)
    if needed.low >= Fraction(max(lows)) and needed.high <= Fraction(min(highs)):
        return passed(rule, severity=_NOTICE, **facts)
    return unknown(rule, "too-few-claims", severity=_NOTICE, **facts)


def check_break_even(cell: Cell, corridor: Corridor) -> Check:
    """保本微利: the loss ratio lies in the corridor, with all of its band."""
    rule = "pricing.break-even"
    ratio = cell.loss_ratio()
    facts: dict[str, Any] = {
        "loss_ratio": ratio.as_json() if ratio else None,
        "corridor": {"lowest": str(corridor.lowest), "highest": str(corridor.highest)},
        "basis": cell.basis(),
    }
    if ratio is None:
        return unknown(rule, cell.why_no_ratio() or "no-premium-earned", severity=_NOTICE, **facts)
    if ratio.high is None:
        return unknown(rule, "no-claim", severity=_NOTICE, **facts)
    lowest, highest = Fraction(corridor.lowest), Fraction(corridor.highest)
    if ratio.low > highest:
        return failed(rule, "claims-exceed", severity=_NOTICE, **facts)
    if ratio.high < lowest:
        return failed(rule, "premium-exceeds", severity=_NOTICE, **facts)
    if ratio.low >= lowest and ratio.high <= highest:
        return passed(rule, severity=_NOTICE, **facts)
    return unknown(rule, "too-few-claims", severity=_NOTICE, **facts)


def check_outlier(cell: Cell, pool: dict[str, Fraction]) -> Check:
    """离群: the loss ratio of all clauses together lies within the band of this one."""
    rule = "pricing.outlier"
    ratio, basis = cell.loss_ratio(), cell.basis()
    of_all = pool.get(basis) if basis else None
    facts: dict[str, Any] = {
        "loss_ratio": ratio.as_json() if ratio else None,
        "all": rounded(of_all, 2) if of_all is not None else None,
        "basis": basis,
    }
    if ratio is None or of_all is None:
        return unknown(rule, cell.why_no_ratio() or "no-premium-earned", severity=_NOTICE, **facts)
    if ratio.high is None:
        return unknown(rule, "no-claim", severity=_NOTICE, **facts)
    if of_all < ratio.low:
        return failed(rule, "above-all", severity=_NOTICE, **facts)
    return (
        failed(rule, "below-all", severity=_NOTICE, **facts)
        if of_all > ratio.high
        else passed(rule, severity=_NOTICE, **facts)
    )


def item_of(cell: Cell, pool: dict[str, Fraction], corridor: Corridor) -> dict[str, Any]:
    """The clause as it is listed; amounts in yuan, each rounded once, half to even."""
    claims, ratio, needed = cell.claims, cell.loss_ratio(), cell.needed_rate()
    reports = claims.reports if claims else ()
    checks = {check.rule.partition(".")[2]: check for check in checks_of(cell, pool, corridor)}
    return {
        "insurer": cell.insurer,
        "clause": cell.clause or None,
        "name": cell.filings[0].name if cell.filings else None,
        "policies": cell.earned.policies if cell.earned else 0,
        "earned": _earned(cell.earned),
        "claims": {
            "count": claims.count if claims else None,
            "paid": _yuan(sum(one.paid for one in reports)) if claims else None,
            "outstanding": _yuan(sum(one.outstanding for one in reports)) if claims else None,
            "incurred": _yuan(claims.incurred) if claims else None,
            "stated_earned": _yuan(sum(one.earned for one in reports)) if claims else None,
            "problem": claims.problem if claims else None,
            "periods": [
                {"from": str(one.first), "to": str(one.last), "submission": one.submission_id} for one in reports
            ],
        },
        "covered": _earned(cell.covered),
        "basis": cell.basis(),
        "loss_ratio_percent": ratio.as_json() if ratio else None,
        "needed_rate_percent": needed.as_json(4) if needed else None,
        "checks": {name: as_json(check) for name, check in checks.items()},
        "is_outlier": checks["outlier"].reason in ("above-all", "below-all"),
    }


def _earned(earned: Earned | None) -> dict[str, Any] | None:
    if earned is None:
        return None
    return {
        "gross": _yuan(earned.gross),
        "verified": _yuan(earned.verified),
        "net": _yuan(earned.net) if earned.net is not None else None,
        "base": _yuan(earned.base) if earned.base is not None else None,
    }


def _yuan(fen: Fraction | int) -> str:
    return str(Yuan(round(Fraction(fen))))


def rounded(value: Fraction, places: int) -> str:
    """The number as plain decimal text with so many places, rounded half to even."""
    scaled = round(value * 10**places)
    return str((Decimal(scaled) / 10**places).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))
