"""R-ZJ-24: what the scheme asks of an insurer (浙经信医药〔2025〕348号 六(二)), and what the data says of each duty.

Nobody sends an implementation plan, and nobody says what an insurer did before it was connected: where the data says
nothing the answer is indeterminate, whatever else is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gateway.filing.registry import FilingRegistry
from gateway.filing.terms import LIABILITY
from schemas.filing import Filing
from schemas.identifiers import ClauseParts
from schemas.verification import Check, failed, passed, unknown

OWN_LINES = ("product_liability", "drug_liability", "device_liability")
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Days:
    """The insurer's own totals 日结: how many days it closed, on which they differ, and up to when all is complete."""

    closed: int = 0
    differing: tuple[date, ...] = ()
    complete_up_to: date | None = None


@dataclass(frozen=True, slots=True)
class Conduct:
    """What is known of an insurer: its policies by line and status, its claims reports, its days."""

    policies: Mapping[tuple[str, str], int] = field(default_factory=dict)
    reports: int = 0
    claims: int = 0
    days: Days = field(default_factory=Days)

    def of_status(self, *statuses: str) -> int:
        """Policies of these statuses, of every line."""
        return sum(number for (_, status), number in self.policies.items() if status in statuses)


def check_duties(
    insurer: str, conduct: Conduct, registry: FilingRegistry, today: date, max_age_days: int
) -> Sequence[Check]:
    """Every duty, in the order of the text."""
    return (
        check_product_filed(insurer, registry, today, max_age_days),
        check_underwriting(conduct),
        check_claims(conduct),
        check_plan(),
        check_timely(conduct.days),
        check_accurate(conduct),
    )


def check_product_filed(insurer: str, registry: FilingRegistry, today: date, max_age_days: int) -> Check:
    """产品备案: a main clause of liability insurance is filed and in use today, as a fresh registry says."""
    rule = "duty.product-filed"
    own = registry.of_insurer(insurer)
    mains = [one for one in own if _is_main_liability(one)]
    used = [one for one in mains if (state := one.state_on(today)) is not None and state.state == "in_use"]
    fresh = [one for one in used if 0 <= (today - registry.confirmed_on(one)).days <= max_age_days]
    facts: dict[str, Any] = {
        "clauses": [one.registration_no for one in (fresh or used)[:_MOST_NAMED]],
        "in_use": len(used),
        "filed": len(mains),
        "as_of": {one.source.registry: str(registry.confirmed_on(one)) for one in own},
        "today": str(today),
    }
    if fresh:
        return passed(rule, **facts)
    if used:
        return unknown(rule, "registry-stale", **facts)
    wholes = registry.wholes_of(insurer)
    if not wholes:
        return unknown(rule, "no-statement", **facts)
    if any(not 0 <= (today - day).days <= max_age_days for day in wholes.values()):
        return unknown(rule, "registry-stale", **facts)
    return failed(rule, "no-clause-in-use", **facts)


def _is_main_liability(filing: Filing) -> bool:
    parts = ClauseParts(filing.registration_no)
    return parts.kind == "main" and parts.product_class == LIABILITY


def check_underwriting(conduct: Conduct) -> Check:
    """承保经验: verified policies of product, drug or device liability are known here."""
    lines = {line: conduct.policies.get((line, "verified"), 0) for line in OWN_LINES}
    if any(lines.values()):
        return passed("duty.underwriting", verified=lines)
    return unknown("duty.underwriting", "none-known", verified=lines)


def check_claims(conduct: Conduct) -> Check:
    """理赔经验: claims were reported here."""
    facts: dict[str, Any] = {"reports": conduct.reports, "claims": conduct.claims}
    if conduct.claims:
        return passed("duty.claims", **facts)
    return unknown("duty.claims", "none-known" if conduct.reports else "nobody-sends", **facts)


def check_plan() -> Check:
    """实施方案: no record type carries it."""
    return unknown("duty.implementation-plan", "nobody-sends")


def check_timely(days: Days) -> Check:
    """及时汇总: every day that the insurer closed agrees with what is known of it."""
    rule = "duty.timely"
    facts: dict[str, Any] = {
        "closed": days.closed,
        "differing": len(days.differing),
        "days": [str(day) for day in days.differing[:_MOST_NAMED]],
        "complete_up_to": str(days.complete_up_to) if days.complete_up_to else None,
    }
    if not days.closed:
        return unknown(rule, "no-day-closed", **facts)
    return failed(rule, "days-differ", **facts) if days.differing else passed(rule, **facts)


def check_accurate(conduct: Conduct) -> Check:
    """材料真实准确: no premium that the insurer told is refused; one that is held says nothing yet."""
    rule = "duty.accurate"
    facts: dict[str, Any] = {
        status: conduct.of_status(status) for status in ("verified", "held", "refused", "withdrawn")
    }
    if facts["refused"] or facts["withdrawn"]:
        return failed(rule, "premiums-refused", **facts)
    if not facts["verified"]:
        return unknown(rule, "none-verified", **facts)
    return unknown(rule, "premiums-held", **facts) if facts["held"] else passed(rule, **facts)
