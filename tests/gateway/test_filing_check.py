"""FL-1 to FL-7: what each rule says about a policy, and why, on days that matter."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.filing.check import check_filing
from gateway.filing.registry import FilingRegistry
from schemas.filing import Filing, Source
from schemas.policy import Policy
from schemas.rules import load_rules
from schemas.verification import Check, Outcome, Severity, worst

AT = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
REGISTRY = "财产保险公司自主注册平台"
MAIN = "C00000230912026030100011"
RIDER = "C00000230922026030100021"
RULES = {rule.id: rule for rule in load_rules([Path(__file__).parents[2] / "gateway" / "rules_filing.toml"])}


def source(as_of: str = "2026-05-25", registry: str = REGISTRY) -> dict[str, Any]:
    return {"registry": registry, "as_of": as_of, "fetched_at": "2026-05-26T02:00:00+08:00"}


def filing(number: str = MAIN, **changes: Any) -> Filing:
    stated: dict[str, Any] = {
        "registration_no": number,
        "insurer": "PICC",
        "name": "药品产品责任保险条款",
        "kind": "main" if number[10] == "1" else "rider",
        "line": "product_liability",
        "regime": "filed",
        "registered_on": "2026-03-01",
        "first_used_on": "2026-03-02",
        "rate_min_percent": "0.5",
        "rate_max_percent": "2",
        "clause_text_digest": "sha256:" + "a" * 64,
        "intervals": [{"state": "in_use", "from": "2026-03-02"}],
        "source": source(),
    }
    return Filing.model_validate({k: v for k, v in (stated | changes).items() if v is not None})


def policy(*numbers: str, **changes: Any) -> Policy:
    stated: dict[str, Any] = {
        "policy_no": "PZDS202633010000001567",
        "policyholder": {"name": "浙江示例药业有限公司", "credit_code": "91330108MA2XX9T186"},
        "line": "product_liability",
        "clauses": [{"registration_no": one, "kind": "main" if one[10] == "1" else "rider"} for one in numbers],
        "issued_on": "2026-04-01",
        "period": {"start": "2026-04-02", "end": "2027-04-01"},
        "rate_percent": "1.6",
        "premium": {"gross": "800000.00", "currency": "CNY"},
    }
    return Policy.model_validate({k: v for k, v in (stated | changes).items() if v is not None})


def registry(*filings: Filing, whole: str | None = "2026-05-25") -> FilingRegistry:
    return FilingRegistry(filings, [Source.model_validate(source(whole))] if whole else [])


def judge(subject: Policy, known: FilingRegistry, **changes: Any) -> dict[str, Check]:
    arguments: dict[str, Any] = {"insurer": "PICC", "company_code": "000002", "at": AT, "max_age_days": 30} | changes
    checks = check_filing(subject, registry=known, **arguments)
    assert len({check.rule for check in checks}) == len(checks) == len(RULES)
    for check in checks:
        assert check.reason is None or check.reason in RULES[check.rule].reasons, (check.rule, check.reason)
    return {check.rule: check for check in checks}


def not_passed(checks: dict[str, Check]) -> dict[str, tuple[str, str | None]]:
    """Rule to outcome and reason, of every deciding check that did not pass."""
    return {
        rule.removeprefix("filing."): (check.outcome.value, check.reason)
        for rule, check in checks.items()
        if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
    }


def test_a_filed_clause_in_use_passes_every_rule() -> None:
    checks = judge(policy(MAIN, RIDER), registry(filing(), filing(RIDER)))
    assert not_passed(checks) == {}
    text = checks["filing.clause-text"]
    assert (text.outcome, text.severity) == (Outcome.INDETERMINATE, Severity.NOTICE)


def test_facts_name_numbers_states_days_and_the_registry() -> None:
    known = registry(filing())
    facts = judge(policy(MAIN), known)["filing.in-use-on-issue"].facts
    assert facts["registry"] == known.digest
    assert facts["issued_on"] == "2026-04-01"
    (clause,) = facts["clauses"]
    assert clause["registration_no"] == MAIN
    assert (clause["state"], clause["since"]) == ("in_use", "2026-03-02")
    assert (clause["source"], clause["as_of"]) == (REGISTRY, "2026-05-25")


# FL-1 ---------------------------------------------------------------------------------------------------------------


def test_an_unknown_number_fails_against_a_whole_fresh_registry() -> None:
    checks = judge(policy("C00000230912026030100099"), registry(filing()))
    assert not_passed(checks) == {
        "registered": ("failed", "unregistered-clause"),
        "in-use-on-issue": ("indeterminate", "not-in-registry"),
        "number-pending": ("indeterminate", "not-in-registry"),
        "registered-before-issue": ("indeterminate", "not-in-registry"),
        "rate-in-band": ("indeterminate", "not-in-registry"),
    }


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (registry(), "no-statement"),
        (registry(filing("C00001430912026030100011", insurer="CPIC")), "no-statement"),
        (registry(filing(), whole=None), "registry-not-whole"),
        (registry(filing(), whole="2026-04-20"), "registry-stale"),
    ],
)
def test_an_unknown_number_is_indeterminate_where_the_registry_cannot_deny_it(
    known: FilingRegistry, reason: str
) -> None:
    check = judge(policy("C00000230912026030100099"), known)["filing.registered"]
    assert (check.outcome, check.reason) == (Outcome.INDETERMINATE, reason)


def test_one_unknown_clause_of_several_is_enough() -> None:
    checks = judge(policy(MAIN, "C00000230922026030100099"), registry(filing()))
    assert checks["filing.registered"].reason == "unregistered-clause"


def test_a_clause_of_another_insurer_fails() -> None:
    other = "C00001430912026030100011"
    known = registry(filing(other, insurer="CPIC"), filing())
    check = judge(policy(other), known)["filing.registered"]
    assert (check.outcome, check.reason) == (Outcome.FAILED, "company-code-differs")
    borrowed = registry(filing(insurer="CPIC"), filing(RIDER))
    check = judge(policy(MAIN), borrowed)["filing.registered"]
    assert (check.outcome, check.reason) == (Outcome.FAILED, "registered-by-another")
    check = judge(policy(MAIN), registry(filing()), company_code=None)["filing.registered"]
    assert (check.outcome, check.reason) == (Outcome.INDETERMINATE, "company-code-unknown")


@pytest.mark.parametrize(
    ("lead", "outcome", "reason"),
    [
        ("CPIC", Outcome.INDETERMINATE, "registered-by-lead"),
        ("PICC", Outcome.FAILED, "company-code-differs"),
        ("PAIC", Outcome.FAILED, "company-code-differs"),
    ],
)
def test_a_follower_s_clause_is_the_lead_s(lead: str, outcome: Outcome, reason: str) -> None:
    of_cpic = "C00001430912026030100011"
    shares = [{"insurer": one, "share_percent": "50", "lead": one == lead} for one in (lead, "XXXX")]
    check = judge(policy(of_cpic, coinsurance=shares), registry(filing(of_cpic, insurer="CPIC"), filing()))[
        "filing.registered"
    ]
    assert (check.outcome, check.reason) == (outcome, reason)


# FL-2 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("stopped", "stopped"),
        ("ordered_stop", "ordered-stop"),
        ("withdrawn", "withdrawn"),
        ("returned", "returned"),
    ],
)
def test_a_stop_counts_from_its_own_day(state: str, reason: str) -> None:
    ended = filing(
        intervals=[
            {"state": "in_use", "from": "2026-03-02", "to": "2026-04-09"},
            {"state": state, "from": "2026-04-10"},
        ]
    )
    before = judge(policy(MAIN, issued_on="2026-04-09"), registry(ended))
    assert not_passed(before) == {}
    on_the_day = judge(policy(MAIN, issued_on="2026-04-10"), registry(ended))["filing.in-use-on-issue"]
    assert (on_the_day.outcome, on_the_day.reason) == (Outcome.FAILED, reason)
    assert on_the_day.facts["clauses"][0]["since"] == "2026-04-10"


def test_a_renewal_after_the_stop_fails_even_if_use_was_resumed_later() -> None:
    resumed = filing(
        intervals=[
            {"state": "in_use", "from": "2026-03-02", "to": "2026-03-31"},
            {"state": "stopped", "from": "2026-04-01", "to": "2026-04-30"},
            {"state": "in_use", "from": "2026-05-01"},
        ]
    )
    assert judge(policy(MAIN), registry(resumed))["filing.in-use-on-issue"].reason == "stopped"
    assert not_passed(judge(policy(MAIN, issued_on="2026-05-01"), registry(resumed))) == {}


def test_before_the_first_use_fails_and_silence_is_indeterminate() -> None:
    early = judge(policy(MAIN, issued_on="2026-03-01"), registry(filing()))["filing.in-use-on-issue"]
    assert (early.outcome, early.reason) == (Outcome.FAILED, "before-first-use")
    silent = filing(first_used_on=None, intervals=[{"state": "in_use", "from": "2026-03-20"}])
    gap = judge(policy(MAIN, issued_on="2026-03-10"), registry(silent))["filing.in-use-on-issue"]
    assert (gap.outcome, gap.reason) == (Outcome.INDETERMINATE, "state-unknown")


def test_without_a_day_of_signing_nothing_is_known_about_the_day() -> None:
    days = {"in-use-on-issue", "number-pending", "registered-before-issue"}
    missing = not_passed(judge(policy(MAIN, issued_on=None), registry(filing())))
    assert missing == dict.fromkeys(days, ("indeterminate", "issue-day-missing"))
    future = not_passed(judge(policy(MAIN, issued_on="2026-06-02"), registry(filing())))
    assert future == dict.fromkeys(days, ("indeterminate", "issue-day-in-future"))


def test_today_is_today_in_shanghai() -> None:
    late_evening = datetime(2026, 6, 1, 16, 30, tzinfo=UTC)  # half past midnight, 2 June
    assert not_passed(judge(policy(MAIN, issued_on="2026-06-02"), registry(filing()), at=late_evening)) == {}


# FL-3 and FL-5 ------------------------------------------------------------------------------------------------------

PENDING = {"intervals": [{"state": "pending", "from": "2026-03-02"}], "registered_on": "2026-03-02"}


def test_ten_working_days_after_first_use_a_pending_clause_is_to_be_rechecked() -> None:
    known = registry(filing(**PENDING))
    for day in ("2026-03-02", "2026-03-16"):  # the first day, and the tenth working day after it
        check = judge(policy(MAIN, issued_on=day), known)["filing.number-pending"]
        assert (check.outcome, check.reason) == (Outcome.INDETERMINATE, "number-pending")
        assert check.facts["clauses"][0]["recheck_on"] == "2026-03-16"
    late = judge(policy(MAIN, issued_on="2026-03-17"), known)
    assert not_passed(late)["number-pending"] == ("failed", "number-overdue")
    assert not_passed(late)["in-use-on-issue"] == ("failed", "number-overdue")


def test_the_ten_days_count_holidays_and_exchanged_weekends() -> None:
    known = registry(filing(**PENDING | {"first_used_on": "2026-02-10"}))
    outcome = {
        day: judge(policy(MAIN, issued_on=day), known)["filing.number-pending"].outcome
        for day in ("2026-03-02", "2026-03-03")
    }
    # 14 and 28 February are Saturdays that are worked: the tenth working day is 2 March. The state starts that day.
    assert outcome == {"2026-03-02": Outcome.INDETERMINATE, "2026-03-03": Outcome.FAILED}


REGISTERED_IN_TIME = {
    "registered_on": "2026-03-10",
    "first_used_on": "2026-03-02",
    "intervals": [
        {"state": "pending", "from": "2026-03-02", "to": "2026-03-09"},
        {"state": "in_use", "from": "2026-03-10"},
    ],
}
NUMBER = "C00000230912026031000011"


@pytest.mark.parametrize(
    "intervals",
    [
        REGISTERED_IN_TIME["intervals"],
        [{"state": "in_use", "from": "2026-03-02"}],
        [{"state": "in_use", "from": "2026-03-10"}],
    ],
)
def test_a_clause_registered_in_time_was_in_order_from_its_first_use(intervals: list[dict[str, str]]) -> None:
    known = registry(filing(NUMBER, **REGISTERED_IN_TIME | {"intervals": intervals}))
    for day in ("2026-03-02", "2026-03-09", "2026-03-10"):
        assert not_passed(judge(policy(NUMBER, issued_on=day), known)) == {}, day
    early = judge(policy(NUMBER, issued_on="2026-03-01"), known)
    assert not_passed(early)["in-use-on-issue"] == ("failed", "before-first-use")


def test_a_late_registration_is_for_the_authority_or_fails() -> None:
    late = {
        "registered_on": "2026-03-20",
        "intervals": [
            {"state": "pending", "from": "2026-03-02", "to": "2026-03-19"},
            {"state": "in_use", "from": "2026-03-20"},
        ],
    }
    known = registry(filing("C00000230912026032000011", **late))
    inside = not_passed(judge(policy("C00000230912026032000011", issued_on="2026-03-16"), known))
    assert set(inside.values()) == {("indeterminate", "registered-late")}
    outside = not_passed(judge(policy("C00000230912026032000011", issued_on="2026-03-17"), known))
    assert set(outside.values()) == {("failed", "number-overdue")}
    assert inside.keys() == outside.keys() == {"in-use-on-issue", "number-pending", "registered-before-issue"}


def test_a_filing_that_was_returned_never_was_one() -> None:
    returned = filing(
        registered_on="2026-03-02",
        intervals=[
            {"state": "pending", "from": "2026-03-02", "to": "2026-03-11"},
            {"state": "returned", "from": "2026-03-12"},
        ],
    )
    check = judge(policy(MAIN, issued_on="2026-03-05"), registry(returned))["filing.in-use-on-issue"]
    assert (check.outcome, check.reason) == (Outcome.FAILED, "returned")


def test_a_clause_that_needs_approval_has_no_ten_days() -> None:
    check = judge(policy(MAIN, issued_on="2026-03-05"), registry(filing(**PENDING, regime="approved")))
    assert not_passed(check)["in-use-on-issue"] == ("failed", "not-approved")


def test_an_unknown_first_use_or_an_unpublished_year_is_indeterminate() -> None:
    known = registry(filing(**PENDING | {"first_used_on": None}))
    check = judge(policy(MAIN, issued_on="2026-03-05"), known)["filing.number-pending"]
    assert (check.outcome, check.reason) == (Outcome.INDETERMINATE, "first-use-unknown")
    at = datetime(2027, 1, 20, 4, 0, tzinfo=UTC)
    winter = filing(
        registered_on="2026-12-25",
        first_used_on="2026-12-24",
        intervals=[{"state": "pending", "from": "2026-12-24"}],
        source=source("2027-01-19"),
    )
    check = judge(policy(MAIN, issued_on="2027-01-15"), registry(winter, whole="2027-01-19"), at=at)[
        "filing.number-pending"
    ]
    assert (check.outcome, check.reason) == (Outcome.INDETERMINATE, "calendar-unpublished")


@pytest.mark.parametrize(("completed", "outcome"), [("2027-01-03", "passed"), ("2027-01-04", "indeterminate")])
def test_ten_days_are_within_ten_working_days_in_any_year(completed: str, outcome: str) -> None:
    number = f"C0000023091{completed.replace('-', '')}00011"
    winter = filing(
        number,
        registered_on=completed,
        first_used_on="2026-12-24",
        intervals=[{"state": "in_use", "from": "2026-12-24"}],
        source=source("2027-01-19"),
    )
    known, at = registry(winter, whole="2027-01-19"), datetime(2027, 1, 20, 4, 0, tzinfo=UTC)
    check = judge(policy(number, issued_on="2026-12-28"), known, at=at)["filing.registered-before-issue"]
    assert check.outcome.value == outcome


def test_a_policy_without_a_number_is_measured_against_what_is_pending() -> None:
    known = registry(filing(**PENDING))
    inside = judge(policy(issued_on="2026-03-10"), known)
    assert not_passed(inside)["number-pending"] == ("indeterminate", "number-pending")
    assert inside["filing.number-pending"].facts["candidates"][0]["recheck_on"] == "2026-03-16"
    assert not_passed(judge(policy(issued_on="2026-03-17"), known))["number-pending"] == ("failed", "number-overdue")


@pytest.mark.parametrize(
    "known",
    [
        registry(),
        registry(filing()),  # nothing pending
        registry(filing(**PENDING, line="drug_liability")),  # another line
        registry(filing(NUMBER, **REGISTERED_IN_TIME)),  # it has a number by now, which the policy should state
    ],
)
def test_a_policy_without_a_number_never_passes(known: FilingRegistry) -> None:
    checks = judge(policy(issued_on="2026-03-05"), known)
    assert {rule: outcome for rule, (outcome, _) in not_passed(checks).items() if rule != "registry-fresh"} == (
        dict.fromkeys(
            (
                "registered",
                "in-use-on-issue",
                "number-pending",
                "main-liability-clause",
                "registered-before-issue",
                "rate-in-band",
            ),
            "indeterminate",
        )
    )


def test_two_days_of_registration_that_differ_are_indeterminate() -> None:
    check = judge(policy(NUMBER, issued_on="2026-03-05"), registry(filing(NUMBER)))
    assert not_passed(check) == {"registered-before-issue": ("indeterminate", "registration-days-differ")}


# FL-4 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((RIDER,), "riders-only"),
        (("C00000230612026030100011",), "not-liability"),
        (("C00000230612026030100011", RIDER), "not-liability"),  # a liability rider does not make a liability policy
    ],
)
def test_a_main_clause_of_class_309_is_needed(numbers: tuple[str, ...], reason: str) -> None:
    check = judge(policy(*numbers), registry(*map(filing, numbers)))["filing.main-liability-clause"]
    assert (check.outcome, check.reason) == (Outcome.FAILED, reason)


def test_a_main_clause_of_class_309_may_stand_beside_others() -> None:
    numbers = ("C00000230612026030100011", MAIN, RIDER)
    assert not_passed(judge(policy(*numbers), registry(*map(filing, numbers)))) == {}


# FL-6 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "outcome", "reason"),
    [
        ("0.49", "failed", "below-band"),
        ("0.5", "passed", None),
        ("2", "passed", None),
        ("2.000000000001", "failed", "above-band"),
        (None, "indeterminate", "rate-not-stated"),
    ],
)
def test_the_rate_lies_in_the_filed_band(rate: str | None, outcome: str, reason: str | None) -> None:
    check = judge(policy(MAIN, rate_percent=rate), registry(filing()))["filing.rate-in-band"]
    assert (check.outcome.value, check.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("band", "rate", "expected"),
    [
        ({"rate_min_percent": None}, "1.6", ("indeterminate", "band-not-stated")),
        ({"rate_max_percent": None}, "1.6", ("indeterminate", "band-not-stated")),
        ({"rate_min_percent": None, "rate_max_percent": None}, "1.6", ("indeterminate", "band-not-stated")),
        ({"rate_min_percent": None}, "2.1", ("failed", "above-band")),
        ({"rate_max_percent": None}, "0.4", ("failed", "below-band")),
    ],
)
def test_half_a_band_can_fail_but_never_pass(band: dict[str, Any], rate: str, expected: tuple[str, str]) -> None:
    check = judge(policy(MAIN, rate_percent=rate), registry(filing(**band)))["filing.rate-in-band"]
    assert (check.outcome.value, check.reason) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("1.6", ("passed", None)),
        ("3.9", ("indeterminate", "several-bands")),
        ("4.1", ("failed", "above-band")),
        ("0.4", ("failed", "below-band")),
    ],
)
def test_a_rate_shared_with_a_rider(rate: str, expected: tuple[str, str | None]) -> None:
    known = registry(filing(), filing(RIDER))
    check = judge(policy(MAIN, RIDER, rate_percent=rate), known)["filing.rate-in-band"]
    assert (check.outcome.value, check.reason) == expected


# FL-7 ---------------------------------------------------------------------------------------------------------------


def test_the_clause_text_is_compared_where_both_digests_are_known() -> None:
    known = registry(filing())
    same = judge(policy(MAIN), known, clause_texts={MAIN: "sha256:" + "a" * 64})["filing.clause-text"]
    assert (same.outcome, same.severity) == (Outcome.PASSED, Severity.ERROR)
    other = judge(policy(MAIN), known, clause_texts={MAIN: "sha256:" + "b" * 64})["filing.clause-text"]
    assert (other.outcome, other.reason, other.severity) == (Outcome.FAILED, "text-differs", Severity.ERROR)
    unfiled = judge(policy(MAIN), registry(filing(clause_text_digest=None)), clause_texts={MAIN: "sha256:" + "b" * 64})
    assert unfiled["filing.clause-text"].severity is Severity.NOTICE
    assert unfiled["filing.clause-text"].outcome is Outcome.INDETERMINATE


# Freshness, and several sources -------------------------------------------------------------------------------------


def test_a_stale_registry_makes_everything_that_rests_on_it_indeterminate() -> None:
    stale = registry(filing(source=source("2026-05-01")), whole="2026-05-01")
    assert not_passed(judge(policy(MAIN), stale)) == {
        "registry-fresh": ("indeterminate", "stale"),
        **dict.fromkeys(
            ("registered", "in-use-on-issue", "number-pending", "registered-before-issue", "rate-in-band"),
            ("indeterminate", "registry-stale"),
        ),
    }
    edge = registry(filing(source=source("2026-05-02")), whole=None)
    assert not_passed(judge(policy(MAIN), edge)) == {}


def test_a_whole_statement_confirms_what_it_contains() -> None:
    old_but_confirmed = registry(filing(source=source("2026-03-05")), whole="2026-05-25")
    assert not_passed(judge(policy(MAIN), old_but_confirmed)) == {}


def test_a_registry_that_speaks_of_tomorrow_is_not_believed() -> None:
    tomorrow = registry(filing(source=source("2026-06-02")), whole=None)
    assert not_passed(judge(policy(MAIN), tomorrow))["registry-fresh"] == ("indeterminate", "as-of-in-future")


def test_where_two_sources_differ_the_graver_one_counts() -> None:
    stopped = filing(
        intervals=[{"state": "ordered_stop", "from": "2026-03-15"}], source=source("2026-05-30", "浙江监管局")
    )
    both = FilingRegistry([filing(), stopped], [Source.model_validate(source())])
    check = judge(policy(MAIN), both)["filing.in-use-on-issue"]
    assert (check.outcome, check.reason) == (Outcome.FAILED, "ordered-stop")
    assert len(check.facts["clauses"]) == 2


def test_one_source_states_a_number_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        FilingRegistry([filing(), filing(name="另一名称")])


def test_the_digest_follows_what_is_stated_and_not_the_order() -> None:
    one, other = filing(), filing(RIDER)
    assert registry(one, other).digest == registry(other, one).digest
    assert registry(one).digest != registry(filing(rate_max_percent="3")).digest
    assert registry(one).digest != registry(one, whole="2026-05-26").digest
    assert registry(one).digest != registry(one, whole=None).digest


# Properties ---------------------------------------------------------------------------------------------------------

STATES = st.sampled_from(["pending", "in_use", "stopped", "ordered_stop", "withdrawn", "returned"])
DAYS = st.dates(date(2026, 1, 1), date(2026, 5, 31))


@st.composite
def filings(draw: st.DrawFn) -> Filing:
    starts = sorted(draw(st.sets(DAYS, min_size=1, max_size=4)))
    ends = [start - timedelta(days=1) for start in starts[1:]] + [None]
    return filing(
        registered_on=str(draw(DAYS)),
        first_used_on=str(draw(DAYS)) if draw(st.booleans()) else None,
        regime=draw(st.sampled_from(["filed", "approved"])),
        intervals=[
            {"state": draw(STATES), "from": str(start)} | ({"to": str(end)} if end else {})
            for start, end in zip(starts, ends, strict=True)
        ],
    )


@given(filings(), DAYS)
def test_nothing_passes_that_was_not_in_use_or_in_its_ten_days(stated: Filing, day: date) -> None:
    checks = judge(policy(MAIN, issued_on=str(day)), registry(stated))
    interval = stated.state_on(day)
    if worst(checks.values()) is not Outcome.PASSED:
        return
    assert interval is None or interval.state in ("in_use", "pending")
    assert stated.first_used_on is None or stated.first_used_on <= day
    if interval is None or interval.state == "pending" or stated.registered_on > day:
        assert stated.first_used_on is not None
        assert stated.regime == "filed"
        completed = [one.from_ for one in stated.intervals if one.state == "in_use"]
        assert completed
        assert stated.registered_on - stated.first_used_on <= timedelta(days=21)


@given(filings(), DAYS, st.integers(31, 400))
def test_nothing_passes_on_a_stale_registry(stated: Filing, day: date, age: int) -> None:
    as_of = str(date(2026, 6, 1) - timedelta(days=age))
    stale = FilingRegistry(
        [stated.model_copy(update={"source": Source.model_validate(source(as_of))})],
        [Source.model_validate(source(as_of))],
    )
    assert worst(judge(policy(MAIN, issued_on=str(day)), stale).values()) is not Outcome.PASSED
