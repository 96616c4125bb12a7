"""Was the clause used as it was filed: at a rate in its band, with its text."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.filing.case import Case
from schemas.filing import Filing
from schemas.identifiers import ClauseParts
from schemas.money import percent
from schemas.verification import Check, Severity, failed, passed, unknown

LIABILITY = "309"


@dataclass(frozen=True, slots=True)
class Band:
    """The filed rates of one clause, in percent, an end being `None` if a source does not state it."""

    is_main: bool
    low: Decimal | None
    high: Decimal | None

    def holds(self, rate: Decimal) -> bool:
        """Whether `rate` lies between two known ends."""
        return self.low is not None and self.high is not None and self.low <= rate <= self.high


def check_rate(case: Case) -> Check:
    """FL-6: the stated rate 费率 lies in the filed band of the main liability clause; what is not known never passes.

    The band is taken to include the filed adjustment factors. Where several clauses share one rate, it passes within
    the band of every main liability clause, fails below all of them or above the sum of all clauses' upper ends, and
    is indeterminate between. That rate, base and premium agree is another rule's affair (`premium.rate-times-base`).
    """
    rule = "filing.rate-in-band"
    stated = case.policy.rate_percent
    filings = [case.registry.find(clause.registration_no) for clause in case.policy.clauses]
    facts: dict[str, Any] = case.facts() | {
        "rate_percent": stated,
        "bands": [_as_fact(filing) for group in filings for filing in group],
    }
    if stated is None:
        return unknown(rule, "rate-not-stated", field="rate_percent", **facts)
    if not filings:
        return unknown(rule, "clause-not-stated", field="clauses", **facts)
    if case.stale:
        return unknown(rule, "registry-stale", field="rate_percent", **facts)
    if not all(filings):
        return unknown(rule, "not-in-registry", field="clauses.registration_no", **facts)
    bands = [_narrowest(group) for group in filings]
    mains = [band for band in bands if band.is_main]
    if not mains:
        return unknown(rule, "no-main-clause", field="clauses", **facts)
    reason = _outside(percent(stated), bands, mains)
    if reason is not None:
        return failed(rule, reason, field="rate_percent", **facts)
    if all(band.holds(percent(stated)) for band in mains):
        return passed(rule, **facts)
    incomplete = any(band.low is None or band.high is None for band in mains)
    return unknown(rule, "band-not-stated" if incomplete else "several-bands", field="rate_percent", **facts)


def _narrowest(filings: Sequence[Filing]) -> Band:
    """The band on which all sources of one clause agree."""
    lows = [filing.rate_min_percent for filing in filings]
    highs = [filing.rate_max_percent for filing in filings]
    parts = ClauseParts(filings[0].registration_no)
    return Band(
        is_main=parts.kind == "main" and parts.product_class == LIABILITY,
        low=max(percent(low) for low in lows if low is not None) if None not in lows else None,
        high=min(percent(high) for high in highs if high is not None) if None not in highs else None,
    )


def _outside(rate: Decimal, bands: Sequence[Band], mains: Sequence[Band]) -> str | None:
    lows = [band.low for band in mains if band.low is not None]
    if len(lows) == len(mains) and rate < min(lows):
        return "below-band"
    highs = [band.high for band in bands if band.high is not None]
    if len(highs) == len(bands) and rate > sum(highs):
        return "above-band"
    return None


def _as_fact(filing: Filing) -> dict[str, Any]:
    return {
        "registration_no": filing.registration_no,
        "source": filing.source.registry,
        "rate_min_percent": filing.rate_min_percent,
        "rate_max_percent": filing.rate_max_percent,
    }


def check_clause_text(case: Case) -> Check:
    """FL-7: the clause text that the policy carries is the filed text, where both digests are known.

    A text that differs fails. As long as one side is unknown this is told as a notice that decides nothing, because
    no exchange format carries clause texts yet.
    """
    rule = "filing.clause-text"
    compared: list[dict[str, Any]] = []
    missing: list[str] = []
    for clause in case.policy.clauses:
        number = clause.registration_no
        carried = case.clause_texts.get(number)
        filed = [one.clause_text_digest for one in case.registry.find(number) if one.clause_text_digest is not None]
        if carried is None or not filed:
            missing.append(number)
            continue
        compared.append({"registration_no": number, "carried": carried, "filed": sorted(set(filed))})
    facts = case.facts() | {"compared": compared, "missing": missing}
    differing = [one for one in compared if one["filed"] != [one["carried"]]]
    if differing and case.stale:
        return unknown(rule, "registry-stale", field="clauses", **facts)
    if differing:
        return failed(rule, "text-differs", field="clauses", **facts)
    if missing or not compared:
        return unknown(rule, "not-both-known", severity=Severity.NOTICE, field="clauses", **facts)
    return passed(rule, **facts)
