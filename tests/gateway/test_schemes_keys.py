"""One configuration key at a time: what it changes, when its readings leave a rule open, and what setting it does."""

from datetime import date
from typing import Any

import pytest
from scheme_messages import AT, COMPANY, MAKER, NO, found, message, only, policy, priced, receipt, run

from gateway.schemes import Terms, UnknownAnswer, UnknownScheme, find_scheme, load_keys
from gateway.schemes.profile import read_schemes

F, Q = "failed", "indeterminate"
OPEN = (Q, "readings-differ")
OTHER = "PZEX202633010000000777"


def worth(messages: list[dict[str, Any]], **answers: str) -> list[tuple[str, int, str]]:
    return [(line.product_key, line.year, str(line.subsidy)) for line in run(messages, **answers)]


def test_rate_rule() -> None:
    over = priced("1200000.00", limit="40000000.00")
    assert found(over) == {"R-ZJ-14": OPEN}
    assert str(only(over).subsidy) == "400000.00"
    assert found(over, rate_rule="cap") == {}
    assert str(only(over, rate_rule="reject").subsidy) == "0.00"
    assert str(only(over, rate_rule="review").subsidy) == "400000.00"


def test_rate_base() -> None:
    """The limits, the turnover, or what the policy itself says; a reading with another amount leaves R-ZJ-14b open."""
    both = {"limits": {"aggregate": "50000000.00", "per_occurrence": "20000000.00"}}
    declared = {**both, "rate_base": {"kind": "per_occurrence_limit", "amount": "20000000.00"}, "rate_percent": "4"}
    messages = [policy(declared), receipt()]
    assert found(messages) == {"R-ZJ-14b": OPEN}
    assert str(only(messages).eligible_premium) == "800000.00"
    assert str(only(messages, rate_base="declared").eligible_premium) == "400000.00"
    assert str(only(messages, rate_base="per_occurrence_limit").eligible_premium) == "400000.00"
    assert found(messages, rate_base="aggregate_limit") == {}
    assert found(messages, rate_base="turnover")["R-ZJ-14b"] == (Q, "base-missing")
    assert str(only(messages, rate_base="turnover").eligible_premium) == "0.00"
    turnover = [policy({"rate_base": {"kind": "turnover", "amount": "20000000.00"}, "rate_percent": "4"}), receipt()]
    assert str(only(turnover, rate_base="turnover").eligible_premium) == "400000.00"
    assert str(only(turnover, rate_base="declared").eligible_premium) == "400000.00"
    other = [policy({"rate_base": {"kind": "declared", "amount": "20000000.00"}, "rate_percent": "4"}), receipt()]
    assert str(only(other, rate_base="declared").eligible_premium) == "400000.00"
    assert str(only(other, rate_base="turnover").eligible_premium) == "0.00"


def test_rate_base_that_changes_nothing_is_no_question() -> None:
    """Both limits are above what the premium needs: no amount differs."""
    wide = {"limits": {"aggregate": "50000000.00", "per_occurrence": "45000000.00"}}
    declared = {**wide, "rate_base": {"kind": "per_occurrence_limit", "amount": "45000000.00"}}
    assert found([policy({**declared, "rate_percent": "1.777778"}), receipt()]) == {}


def test_rate_annualise() -> None:
    two = {"period": {"start": "2026-03-01", "end": "2028-02-29"}, "rate_percent": "2"}
    messages = priced("1200000.00", limit="30000000.00", **two)
    answers = {"multi_year_attribution": "payment_year"}
    assert found(messages, **answers) == {}  # 2 % of 30 million in each of two years
    assert found(messages, **answers, rate_annualise="false") == {"R-ZJ-14": OPEN, "R-ZJ-14b": (Q, "rate-differs")}
    assert str(only(messages, **answers, rate_annualise="false").eligible_premium) == "600000.00"


def test_premium_basis() -> None:
    messages = [policy(), receipt()]
    assert str(only(messages, premium_basis="tax_excl").eligible_premium) == "754716.98"
    assert str(only(messages, premium_basis="tax_excl").subsidy) == "377358.49"
    (line,) = run(messages)
    assert {name: str(amount) for name, amount in line.readings["premium_basis"].items()} == {
        "tax_incl": "400000.00",
        "tax_excl": "377358.49",
    }
    bare = [policy({"premium": {"gross": "800000.00", "currency": "CNY"}}), receipt()]
    assert found(bare) == {}
    assert found(bare, premium_basis="tax_excl") == {"R-ZJ-15": (Q, "net-missing")}
    assert str(only(bare, premium_basis="tax_excl").subsidy) == "0.00"
    taxed = [policy({"premium": {"gross": "800000.00", "tax": "45283.02", "currency": "CNY"}}), receipt()]
    assert str(only(taxed, premium_basis="tax_excl").eligible_premium) == "754716.98"


def test_full_payment_tolerance() -> None:
    short = [policy(), receipt({"amount": "799999.00"})]
    assert found(short)["R-ZJ-13"][0] == F
    assert found(short, full_payment_tolerance_fen="99")["R-ZJ-13"][0] == F
    assert found(short, full_payment_tolerance_fen="100") == {}
    assert str(only(short, full_payment_tolerance_fen="100").eligible_premium) == "799999.00"
    net = only(short, full_payment_tolerance_fen="100", premium_basis="tax_excl")
    assert str(net.eligible_premium) == "754715.98"  # less what is missing


def test_product_key() -> None:
    """Two approval numbers of one drug: one product, or two. Both policies are open, and no others."""
    second = {"product.approval_no": "国药准字H20249002"}
    messages = [*priced("600000.00", limit="30000000.00"), *priced("600000.00", number=OTHER, **second)]
    (line,) = run(messages)
    assert [one.findings for one in line.policies] == [((("R-ZJ-16", Q, "readings-differ")),)] * 2
    assert str(line.subsidy) == "500000.00"
    assert all(not one.findings for one in run(messages, product_key="generic_name+MAH")[0].policies)
    assert worth(messages, product_key="approval_no") == [
        ("国药准字H20249001", 2026, "300000.00"),
        ("国药准字H20249002", 2026, "300000.00"),
    ]
    small = [*priced("100000.00"), *priced("100000.00", number=OTHER, **second)]
    assert all(not one.findings for line in run(small) for one in line.policies)  # below the cap either way
    coded = [policy({"product.drug_code": "86901110000020"}), receipt()]
    assert worth(coded, product_key="drug_code14") == [("86901110000020", 2026, "400000.00")]
    assert found([policy(), receipt()], product_key="drug_code14") == {"R-ZJ-16": (Q, "product-missing")}


def test_product_key_names_the_holder_by_code_or_by_name() -> None:
    named = {"product.holder": {"name": "Example Pharma （杭州）"}, "product.generic_name": " 示例 ａ替尼片"}
    assert worth([policy(named), receipt()])[0][0] == "示例A替尼片|EXAMPLEPHARMA(杭州)"


def test_an_award_that_another_product_key_would_not_count_leaves_it_open() -> None:
    award = message("award", {"policy_nos": [OTHER], "amount": "100000.00"})  # for the product, another policy
    messages = [policy(), receipt(), award]
    assert worth(messages) == [("示例替尼片|91330106999901014C", 2026, "300000.00")]
    assert found(messages) == {"R-ZJ-16": OPEN}
    assert worth(messages, product_key="approval_no") == [("国药准字H20249001", 2026, "400000.00")]


def test_only_the_sum_of_what_is_due_and_owed_back_counts() -> None:
    """A fen here for a fen there is no disagreement; more owed back is one, although nothing is due either way."""
    second = {"product.approval_no": "国药准字H20249002", "number": OTHER}
    small = [*priced("200000.00"), *priced("800000.00", **second)]
    award = message("award", {"amount": "200000.00"})
    assert [str(line.clawback) for line in run([*small, award], product_key="approval_no")] == ["100000.00", "0.00"]
    assert all(not one.findings for line in run([*small, award]) for one in line.policies)
    large = [*priced("800000.00"), *priced("800000.00", **second)]
    awards = [message("award", {"amount": "450000.00", "policy_nos": [number]}) for number in (NO, OTHER)]
    (line,) = run([*large, *awards])
    assert (str(line.subsidy), str(line.clawback)) == ("0.00", "400000.00")
    assert [one.findings[0].rule for one in line.policies] == ["R-ZJ-16", "R-ZJ-16"]
    assert [str(line.clawback) for line in run([*large, *awards], product_key="approval_no")] == ["50000.00"] * 2


def test_a_fen_of_the_eligible_premium_is_an_amount() -> None:
    """2 % of 5000.50 or of 5000.00: the half of both is 50.00."""
    base = {"rate_base": {"kind": "declared", "amount": "5000.00"}, "rate_percent": "3"}
    messages = priced("150.00", limit="5000.50", **base)
    assert str(only(messages, rate_base="declared").eligible_premium) == "100.00"
    assert str(only(messages, rate_base="aggregate_limit").eligible_premium) == "100.01"
    assert found(messages, rate_rule="cap") == {"R-ZJ-14b": OPEN}


def test_cap_year() -> None:
    """The year of the award, of the inception, of the last payment."""
    old = {"period": {"start": "2025-12-20", "end": "2026-12-19"}}
    messages = [*priced("600000.00", limit="30000000.00", **old), *priced("600000.00", number=OTHER)]
    answers = {"eligible_event": "payment"}
    (line,) = run(messages, **answers)
    assert [finding.rule for one in line.policies for finding in one.findings] == ["R-ZJ-16", "R-ZJ-16"]
    assert [one[1:] for one in worth(messages, **answers, cap_year="inception")] == [
        (2025, "300000.00"),
        (2026, "300000.00"),
    ]
    assert [one[1:] for one in worth(messages, **answers, cap_year="payment")] == [(2026, "500000.00")]
    assert [one[1:] for one in worth([policy(old)], cap_year="payment")] == [(2026, "0.00")]  # not paid: by application
    next_year = {"at": date(2027, 1, 31), "eligible_event": "payment"}
    paid = [(line.year, str(line.subsidy)) for line in run(messages[:2], cap_year="payment", **next_year)]
    assert paid == [(2026, "300000.00")]
    assert [line.year for line in run(messages[:2], cap_year="application", **next_year)] == [2027]
    awarded = message("award", {"year": 2025, "awarded_on": "2026-01-20"})
    assert [one[1:] for one in worth([*messages[:2], awarded], **answers, cap_year="application")] == [(2025, "0.00")]


def test_multi_year_attribution() -> None:
    two = {"period": {"start": "2026-04-01", "end": "2028-03-31"}, "rate_percent": "2"}
    messages = priced("1200000.00", limit="30000000.00", **two)
    (line,) = run(messages)
    assert [finding.rule for finding in line.policies[0].findings] == ["R-ZJ-17"]
    assert str(line.subsidy) == "500000.00"
    assert [one[1:] for one in worth(messages, multi_year_attribution="pro_rata")] == [
        (2026, "300000.00"),
        (2027, "300000.00"),
    ]
    instalments = [
        {"no": 1, "due_on": "2026-04-01", "amount": "900000.00"},
        {"no": 2, "due_on": "2027-04-01", "amount": "200000.00"},
        {"no": 3, "due_on": "2027-10-01", "amount": "100000.00"},
    ]
    split = [policy({**messages[0]["record"], "instalments": instalments}), messages[1]]
    assert [one[1:] for one in worth(split, multi_year_attribution="instalment_due")] == [
        (2026, "450000.00"),
        (2027, "150000.00"),
    ]
    none = [policy({**messages[0]["record"], "instalments": []}), messages[1]]
    assert [one[1:] for one in worth(none, multi_year_attribution="instalment_due")] == [(2026, "500000.00")]
    untold = [policy({**messages[0]["record"], "instalments": [{"no": 1, "due_on": "2026-04-01"}]}), messages[1]]
    assert found(untold, multi_year_attribution="instalment_due")["R-ZJ-17"] == (Q, "cannot-be-split")


def test_a_fen_of_rounding_is_no_disagreement() -> None:
    """Three years of 100,000.01: the halves of the parts add up to a fen less than half of the whole."""
    three = {"period": {"start": "2026-04-01", "end": "2029-03-31"}, "rate_percent": "0.2"}
    messages = priced("100000.05", limit="50000000.00", **three)
    assert sum(int(line.subsidy.fen) for line in run(messages, multi_year_attribution="pro_rata")) != int(
        run(messages, multi_year_attribution="payment_year")[0].subsidy.fen
    )
    assert found(messages) == {}


def test_locality_basis() -> None:
    away = {"policyholder.region": "310101", "product.manufacturer": {**COMPANY, "region": "330106"}}
    assert found([policy(away), receipt()])["R-ZJ-01"][0] == F
    assert "R-ZJ-01" not in found([policy(away), receipt()], locality_basis="production_site")
    assert "R-ZJ-01" not in found([policy(away), receipt()], locality_basis="either")
    reverse = {"product.manufacturer": {**MAKER, "region": "310101"}}
    assert found([policy(reverse), receipt()], locality_basis="production_site")["R-ZJ-01"][0] == F
    assert "R-ZJ-01" not in found([policy(reverse), receipt()], locality_basis="either")
    unsaid = {"policyholder.region": "310101", "product.manufacturer.region": None}
    assert found([policy(unsaid), receipt()], locality_basis="either")["R-ZJ-01"] == (Q, "region-missing")


def test_allowed_uscc_prefix() -> None:
    farm = [policy({"policyholder.credit_code": "12330000470001235A"}), receipt()]
    assert "R-ZJ-02" not in found(farm)
    assert found(farm, allowed_uscc_prefix="91")["R-ZJ-02"][0] == Q


def test_allowed_lines() -> None:
    device = [policy({"line": "device_liability"}), receipt()]
    assert found(device)["R-ZJ-08"][0] == Q
    assert "R-ZJ-08" not in found(device, allowed_lines="product_liability,device_liability")
    assert found([policy({"line": "drug_liability"}), receipt()], allowed_lines="product_liability")["R-ZJ-08"][0] == Q


def test_approval_start() -> None:
    assert found([policy(), receipt()], approval_start="first_marketing") == {}
    assert found([policy(), receipt()], approval_start="new_indication") == {"R-ZJ-05": (Q, "start-not-told")}


@pytest.mark.parametrize(
    ("reading", "outcome"),
    [("policy_inception", None), ("premium_paid", None), ("application", F), ("policy_expiry", F)],
)
def test_approval_end_basis(reading: str, outcome: str | None) -> None:
    messages = [policy({"product.approval_date": "2021-04-01"}), receipt()]
    assert found(messages)["R-ZJ-05"] == OPEN
    assert found(messages, approval_end_basis=reading).get("R-ZJ-05", (None,))[0] == outcome


def test_applicant_role() -> None:
    made = [policy({"product.holder": MAKER}), receipt()]
    assert found(made) == {"R-ZJ-07": OPEN}
    assert found(made, applicant_role="MAH_or_maker") == {}
    assert found(made, applicant_role="MAH") == {"R-ZJ-07": (F, "not-the-holder")}


def test_in_force_test() -> None:
    ended = [policy({"period": {"start": "2026-01-17", "end": "2026-05-30"}, "rate_percent": "1.6"}), receipt()]
    assert found(ended, rate_rule="cap")["R-ZJ-12"] == OPEN
    assert "R-ZJ-12" not in found(ended, rate_rule="cap", in_force_test="inception_reached")
    assert found(ended, rate_rule="cap", in_force_test="active_on_application")["R-ZJ-12"] == (F, "expired")


@pytest.mark.parametrize(
    ("reading", "named", "year", "outcome"),
    [
        ("same_policy", NO, 2026, F),
        ("same_policy", NO, 2025, F),
        ("same_policy", OTHER, 2026, None),
        ("same_premium", NO, 2026, F),
        ("same_premium", NO, 2025, None),
        ("same_premium", OTHER, 2026, None),
        ("product_ever", NO, 2025, F),
        ("product_ever", OTHER, 2020, F),
    ],
)
def test_double_scope(reading: str, named: str, year: int, outcome: str | None) -> None:
    award = message("award", {"scheme": "CN-X", "policy_nos": [named], "year": year})
    assert found([policy(), receipt(), award], double_scope=reading).get("R-ZJ-18", (None,))[0] == outcome


def test_double_scope_of_the_year_judges_each_year_of_a_split_policy() -> None:
    two = {"period": {"start": "2026-04-01", "end": "2028-03-31"}, "rate_percent": "2"}
    award = message("award", {"scheme": "CN-X", "year": 2027})
    lines = run(
        [*priced("1200000.00", limit="30000000.00", **two), award],
        multi_year_attribution="pro_rata",
        double_scope="same_premium",
    )
    assert [(line.year, line.policies[0].outcome.value, str(line.subsidy)) for line in lines] == [
        (2026, "passed", "300000.00"),
        (2027, "failed", "0.00"),
    ]


@pytest.mark.parametrize(("reading", "outcome"), [("inception", F), ("payment", None), ("application", None)])
def test_eligible_event(reading: str, outcome: str | None) -> None:
    old = [policy({"period": {"start": "2025-12-20", "end": "2026-12-19"}}), receipt()]
    assert found(old)["R-ZJ-26"] == OPEN
    assert found(old, eligible_event=reading).get("R-ZJ-26", (None,))[0] == outcome
    assert found(old[:1], eligible_event="payment")["R-ZJ-26"] == (Q, "fact-missing")


def test_effective_from_and_term() -> None:
    early = [policy({"period": {"start": "2026-01-11", "end": "2027-01-10"}}), receipt()]
    assert found(early)["R-ZJ-26"] == OPEN
    assert found(early, effective_from="2026-01-11") == {}
    assert found(early, eligible_event="inception", term="2026-02-01..2026-12-31")["R-ZJ-26"][0] == F


def test_setting_a_key_of_another_scheme_is_told_and_changes_nothing() -> None:
    by = Terms(find_scheme("SH-BIO", AT), {"rate_rule": "reject", "tier": "national"})
    assert by.idle == ("rate_rule", "tier")
    assert Terms(find_scheme("ZJ-NDI", AT), {"tier": "national", "rate_rule": "cap"}).idle == ("tier",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("no_such_key", "1"),
        ("rate_rule", "never"),
        ("rate_rule", ""),
        ("full_payment_tolerance_fen", "-1"),
        ("full_payment_tolerance_fen", "1.5"),
        ("policy_year", "0"),
        ("equipment_value", "many"),
        ("effective_from", "20260111"),
        ("effective_from", "2026-02-30"),
        ("term", "2026-01-01"),
        ("term", "2026-12-31..2026-01-01"),
        ("allowed_uscc_prefix", "91;12"),
        ("allowed_uscc_prefix", ""),
    ],
)
def test_what_is_no_answer_is_refused(key: str, value: str) -> None:
    with pytest.raises(UnknownAnswer, match=key):
        Terms(find_scheme("ZJ-NDI", AT), {key: value})


def test_every_value_of_every_key_can_be_set() -> None:
    for key in load_keys().values():
        for value in (*key.readings, *key.values, *((key.default,) if key.default else ())):
            assert run([policy(), receipt()], **{key.name: value})


def test_a_scheme_that_is_not_there() -> None:
    with pytest.raises(UnknownScheme):
        find_scheme("ZJ-XXX", AT)


def test_versions_go_by_day() -> None:
    """R-ZJ-27: the version in force on the day of assessment."""
    text = """
        id = "X-X"
        version = "{version}"
        enabled = true
        title = {{ zh = "某", en = "some" }}
        basis = "某"
        valid_from = {day}
        rules = ["R-ZJ-13"]
        region = "33"
        ratio_percent = "50"
        cap = {{ amount = "1.00", each = "policy" }}
    """
    both = read_schemes(
        text.format(version=version, day=day) for version, day in (("2", "2027-01-01"), ("1", "2026-01-01"))
    )
    assert [one.version for one in both] == ["1", "2"]
    for bad in ('open = ["rate_rule"]', 'open = ["nothing"]', 'defaults = { nothing = "1" }', 'ratio = "5"'):
        with pytest.raises(ValueError):
            read_schemes([text.format(version="1", day="2026-01-01") + bad])
    with pytest.raises(ValueError, match="twice"):
        read_schemes([text.format(version="1", day="2026-01-01")] * 2)
