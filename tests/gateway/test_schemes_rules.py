"""One rule at a time: what passes it, what fails it, what leaves it open, and why."""

from typing import Any

import pytest
from scheme_messages import (
    AT,
    COMPANY,
    FOLLOWER,
    LEAD,
    MAKER,
    NO,
    SELLER,
    found,
    is_standard,
    message,
    only,
    policy,
    priced,
    receipt,
    run,
    terms,
)

F, Q = "failed", "indeterminate"


def without(party: dict[str, str], *fields: str) -> dict[str, str]:
    return {name: value for name, value in party.items() if name not in fields}


def test_the_honest_policy_passes_every_rule() -> None:
    messages = [policy(), message("invoice"), receipt()]
    for one in messages:
        is_standard(one)
    assert found(messages) == {}


ELSEWHERE = {**COMPANY, "region": "110105"}
NINGBO = {"name": "示例生物（宁波）有限公司", "credit_code": "91330212999901073A", "region": "330212"}
UNKNOWN = without(COMPANY, "credit_code")

OF_THE_POLICY: list[tuple[str, dict[str, Any], tuple[str, str] | None]] = [
    ("R-ZJ-01", {"policyholder.region": "331002"}, None),
    ("R-ZJ-01", {"policyholder.region": "330104"}, None),  # an abolished district
    ("R-ZJ-01", {"policyholder.region": "310101"}, (F, "elsewhere")),
    ("R-ZJ-01", {"policyholder.region": None}, (Q, "region-missing")),
    ("R-ZJ-02", {"policyholder.credit_code": "12330000470001235A"}, None),
    ("R-ZJ-02", {"policyholder.credit_code": "92330106MA2XX9T186"}, (Q, "other-kind")),
    ("R-ZJ-02", {"policyholder.credit_code": None}, (Q, "code-missing")),
    ("R-ZJ-03", {"policyholder.region": "330212"}, (F, "ningbo-separate")),
    ("R-ZJ-03", {"policyholder.region": "330204"}, (F, "ningbo-separate")),  # abolished, and still Ningbo
    ("R-ZJ-03", {"policyholder": {**NINGBO, "region": "330106"}}, (Q, "code-of-ningbo")),
    ("R-ZJ-03", {"policyholder": without(NINGBO, "region")}, (Q, "code-of-ningbo")),
    ("R-ZJ-03", {"policyholder.credit_code": "91330000704676287N"}, None),
    ("R-ZJ-03", {"policyholder.credit_code": "91100000710931483R"}, None),
    ("R-ZJ-04", {"product.approval_no": "国药准字S20239001"}, None),
    ("R-ZJ-04", {"product.approval_no": "国药准字HJ20249001"}, (Q, "other-approval")),
    ("R-ZJ-04", {"product.approval_no": "国药准字C20249001"}, (Q, "other-approval")),
    ("R-ZJ-04", {"product.approval_no": "国药准字H20269001"}, (Q, "year-differs")),
    ("R-ZJ-04", {"product.approval_no": "国药准字H20229001"}, (Q, "year-differs")),
    ("R-ZJ-04", {"product.approval_no": None}, (Q, "approval-missing")),
    ("R-ZJ-04", {"product.approval_date": None}, (Q, "approval-date-missing")),
    ("R-ZJ-05", {"product.approval_date": None}, (Q, "start-missing")),
    ("R-ZJ-05", {"product.approval_date": "2019-06-18"}, (F, "too-old")),
    ("R-ZJ-05", {"product.approval_date": "2027-03-01"}, (F, "before-start")),
    ("R-ZJ-05", {"product.approval_date": "2026-03-01"}, (Q, "readings-differ")),  # paid for before it was approved
    ("R-ZJ-07", {"product.holder": MAKER}, (Q, "readings-differ")),
    ("R-ZJ-07", {"product.holder": MAKER, "product.manufacturer": MAKER}, (F, "neither-holder-nor-maker")),
    ("R-ZJ-07", {"product.holder": without(COMPANY, "credit_code")}, None),
    ("R-ZJ-07", {"product.holder": {"name": " 示例医药 (杭州) 有限公司 "}}, None),
    ("R-ZJ-07", {"product.holder": None}, (Q, "fact-missing")),
    ("R-ZJ-07", {"product.holder": MAKER, "product.manufacturer": None}, (Q, "readings-differ")),
    ("R-ZJ-08", {"line": "drug_liability"}, None),
    ("R-ZJ-08", {"line": "clinical_trial_liability"}, (F, "trial-liability")),
    ("R-ZJ-08", {"line": "device_liability"}, (Q, "other-line")),
    ("R-ZJ-08", {"line": "other"}, (Q, "other-line")),
    ("R-ZJ-08", {"clauses": []}, (Q, "no-such-clause")),
    (
        "R-ZJ-08",
        {"clauses": [{"registration_no": "C00099130612025061000011", "kind": "main"}]},
        (Q, "no-such-clause"),
    ),
    (
        "R-ZJ-08",
        {"clauses": [{"registration_no": "C00099130922025061000021", "kind": "rider"}]},
        (Q, "no-such-clause"),
    ),
    ("R-ZJ-09", {"policyholder.credit_code": None}, (Q, "code-missing")),
    ("R-ZJ-12", {"period": {"start": "2026-06-01", "end": "2027-05-31"}}, (F, "not-begun")),
    ("R-ZJ-12", {"period": {"start": "2026-05-31", "end": "2027-05-30"}}, None),
    ("R-ZJ-12", {"period": {"start": "2025-06-01", "end": "2026-05-30"}}, (Q, "readings-differ")),
    ("R-ZJ-12", {"period": {"start": "2025-06-01", "end": "2026-05-31"}}, None),
    ("R-ZJ-14b", {"rate_percent": "1.608"}, None),  # 0.4975… % off
    ("R-ZJ-14b", {"rate_percent": "1.592039800996"}, None),  # within 0.5 % from below
    ("R-ZJ-14b", {"rate_percent": "1.609"}, (Q, "rate-differs")),
    ("R-ZJ-14b", {"rate_percent": "1.592"}, (Q, "rate-differs")),
    ("R-ZJ-14b", {"rate_percent": None}, (Q, "rate-not-stated")),
    ("R-ZJ-14b", {"rate_base": None}, (Q, "rate-not-stated")),
    ("R-ZJ-14b", {"limits.aggregate": "50000001.00"}, (Q, "base-is-not-the-limit")),
    ("R-ZJ-14b", {"limits": None}, (Q, "base-missing")),
    (
        "R-ZJ-14b",
        {"rate_base": {"kind": "per_occurrence_limit", "amount": "50000000.00"}},
        (Q, "base-is-not-the-limit"),
    ),
    ("R-ZJ-16", {"product.generic_name": None}, (Q, "product-missing")),
    ("R-ZJ-26", {"period": {"start": "2026-01-17", "end": "2027-01-16"}}, None),
]


@pytest.mark.parametrize(("rule", "changes", "expected"), OF_THE_POLICY)
def test_rule_of_the_policy(rule: str, changes: dict[str, Any], expected: tuple[str, str] | None) -> None:
    told = policy(changes)
    is_standard(told)
    assert found([told, receipt()]).get(rule) == expected


@pytest.mark.parametrize(
    "number", ["H20249001", "国药准字 h20249001", "国药准字H-2024-9001", "国药准字Ｈ２０２４９００１"]
)
def test_an_approval_number_has_one_form(number: str) -> None:
    told = [policy({"product.approval_no": number}), receipt()]
    assert found(told) == {}
    (line,) = run(told, product_key="approval_no")
    assert line.product_key == "国药准字H20249001"


DAYS = [("2026-01-16", Q), ("2026-01-01", Q), ("2025-12-31", F), ("2030-12-31", None), ("2031-01-01", F)]


@pytest.mark.parametrize(("day", "outcome"), DAYS)
def test_term_of_the_scheme(day: str, outcome: str | None) -> None:
    """R-ZJ-26: the term starts on 1 January 2026; before the text took effect it is for review."""
    told = policy({"period.start": day, "period.end": "2031-12-31", "product.approval_date": "2026-01-01"})
    assert found([told, receipt()], eligible_event="inception").get("R-ZJ-26", (None,))[0] == outcome


def test_a_policy_before_the_term_that_was_paid_for_within_is_open() -> None:
    told = policy({"period": {"start": "2025-12-01", "end": "2026-11-30"}})
    assert found([told, receipt()])["R-ZJ-26"] == (Q, "readings-differ")
    assert found([told])["R-ZJ-26"] == (Q, "readings-differ")  # not paid: by application it is within


WINDOW = [
    ("2021-03-15", "2026-03-15", None),
    ("2021-03-14", "2026-03-15", F),
    ("2024-02-29", "2029-02-28", None),
    ("2024-02-29", "2029-03-01", F),
    ("2021-02-28", "2026-02-28", None),
]


@pytest.mark.parametrize(("approved", "start", "outcome"), WINDOW)
def test_five_years_end_on_the_corresponding_day(approved: str, start: str, outcome: str | None) -> None:
    """R-ZJ-05: that day is still inside; 29 February ends on 28 February."""
    told = policy({"product.approval_date": approved, "period.start": start, "period.end": "2031-01-01"})
    got = found([told], approval_end_basis="policy_inception").get("R-ZJ-05", (None,))[0]
    assert got == outcome


def test_the_window_fails_if_it_fails_under_every_reading_that_has_its_day() -> None:
    told = policy({"product.approval_date": "2021-02-20"})
    assert found([told])["R-ZJ-05"][0] == F  # without a receipt the day of payment is left out
    late = receipt({"received_on": "2026-02-20"})
    assert found([told, late])["R-ZJ-05"] == (Q, "readings-differ")
    assert found([told], approval_end_basis="premium_paid")["R-ZJ-05"] == (Q, "fact-missing")


CLASSES: list[tuple[str | None, str | None, tuple[str, str] | None]] = [
    ("化学药品1类", "chemical", None),
    ("化药1类", "chemical", None),
    ("化学药品第1类", "chemical", None),
    ("化学药 注册分类 2.2 类", "chemical", None),
    ("化学药品２．２类＋２．４类", "chemical", None),
    ("化学药品2.2类、2.4类", "chemical", None),
    ("化学药品2.2;2.4", "chemical", None),
    ("化学药品2.2，2.4", "chemical", None),
    ("化学药品2.2/2.4", "chemical", None),
    ("中药1.1类", "tcm", None),
    ("治疗用生物制品2.4类", "therapeutic_biologic", None),
    ("预防用生物制品2.6类", "preventive_biologic", None),
    ("化学药品3类", "chemical", (F, "not-supported")),
    ("化学药品5.2类", "chemical", (F, "not-supported")),
    ("中药3.1类", "tcm", (F, "not-supported")),
    ("中药4类", "tcm", (F, "not-supported")),
    ("治疗用生物制品3.3类", "therapeutic_biologic", (F, "not-supported")),
    ("预防用生物制品3.1类+3.2类", "preventive_biologic", (F, "not-supported")),
    ("化学药品1类+3类", "chemical", (Q, "legacy-class")),
    ("化学药品2类", "chemical", (Q, "legacy-class")),
    ("中药6类", "tcm", (Q, "legacy-class")),
    ("治疗用生物制品7类", "therapeutic_biologic", (Q, "legacy-class")),
    ("预防用生物制品1类", "preventive_biologic", (Q, "legacy-class")),
    ("化学药品3.1类", "chemical", (Q, "legacy-class")),
    ("治疗用生物制品13类", "therapeutic_biologic", (Q, "unreadable")),
    ("化学药品一类", "chemical", (Q, "unreadable")),
    ("化学药品", "chemical", (Q, "unreadable")),
    ("化学药品1类+", "chemical", (Q, "unreadable")),
    ("化学药品١类", "chemical", (Q, "unreadable")),
    ("生物制品1类", "unknown", (Q, "unreadable")),
    ("1类", "chemical", (Q, "unreadable")),
    ("注册分类化学药品1类", "chemical", (Q, "unreadable")),
    (None, "chemical", (Q, "class-missing")),
    ("按生物制品管理的体外诊断试剂", "unknown", (F, "device")),
    ("治疗用生物制品1类（体外诊断试剂）", "therapeutic_biologic", (F, "device")),
    ("化学药品1类", "tcm", (Q, "sender-says-otherwise")),
    ("化学药品1类", "device", (Q, "sender-says-otherwise")),
    ("化学药品1类", "unknown", None),
    ("化学药品1类", None, None),
]


@pytest.mark.parametrize(("printed", "group", "expected"), CLASSES)
def test_registration_class(printed: str | None, group: str | None, expected: tuple[str, str] | None) -> None:
    """R-ZJ-06: the class as printed decides; the sender's reading of it can only put it in doubt."""
    told = policy({"product.registration_class": printed, "product.class_group": group, "product.class_codes": None})
    assert found([told, receipt()]).get("R-ZJ-06") == expected


def test_codes_that_the_sender_read_otherwise_put_the_class_in_doubt() -> None:
    for codes, expected in ((["2.4", "2.2"], None), (["2.2"], (Q, "sender-says-otherwise")), ([], None)):
        told = policy({"product.registration_class": "化学药品2.2类+2.4类", "product.class_codes": codes})
        assert found([told, receipt()]).get("R-ZJ-06") == expected


def test_a_device_is_for_another_scheme() -> None:
    told = policy({"product.kind": "device"})
    assert found([told, receipt()])["R-ZJ-06"] == (F, "device")
    untold = policy({"product.kind": None, "product.class_group": "device"})
    assert found([untold, receipt()])["R-ZJ-06"] == (F, "device")


def cancelled(kind: str, day: str, sent_at: str = "2026-04-21T09:00:00+08:00") -> dict[str, Any]:
    return message("cancellation", {"kind": kind, "effective_on": day}, sent_at=sent_at)


def reinstated(day: str) -> dict[str, Any]:
    return message("endorsement", {"kind": "reinstate", "issued_on": day, "effective_on": day})


def test_cancellation_from_inception_undoes_the_policy() -> None:
    """R-ZJ-12: it fails under both readings, whenever it was applied for."""
    undone = cancelled("from_inception", "2026-03-01")
    assert found([policy(), receipt(), undone])["R-ZJ-12"] == (F, "undone")
    assert "R-ZJ-12" not in found([policy(), receipt(), undone, reinstated("2026-04-21")])
    assert found([policy(), receipt(), undone, reinstated("2026-04-20")])["R-ZJ-12"] == (F, "undone")


def test_cancellation_in_mid_term_matters_to_one_reading() -> None:
    ended = cancelled("mid_term", "2026-05-31")
    assert found([policy(), receipt(), ended])["R-ZJ-12"] == (Q, "readings-differ")
    assert found([policy(), receipt(), ended], in_force_test="active_on_application")["R-ZJ-12"] == (F, "cancelled")
    assert "R-ZJ-12" not in found([policy(), receipt(), ended], in_force_test="inception_reached")
    assert "R-ZJ-12" not in found([policy(), receipt(), ended, reinstated("2026-05-31")])
    applied = message("award", {"awarded_on": "2026-05-30"})
    assert "R-ZJ-12" not in found([policy(), receipt(), ended, applied])  # it was running when applied for


PAID = [
    ("800000.00", None),
    ("799999.99", (F, "not-fully-paid")),
    ("800000.01", (Q, "overpaid")),
]


@pytest.mark.parametrize(("amount", "expected"), PAID)
def test_paid_in_full(amount: str, expected: tuple[str, str] | None) -> None:
    """R-ZJ-13: to the fen, whatever the insurer says of it."""
    assert found([policy(), receipt({"amount": amount})]).get("R-ZJ-13") == expected


def test_only_the_sum_of_payments_counts() -> None:
    """R-ZJ-13: a refund without a change of the premium unpays it; a change without its refund is owed back."""
    refund = message("premium_refund")
    less = message(
        "endorsement",
        {"kind": "decrease", "premium_change": {"gross": "-100000.00", "net": "-94339.62", "tax": "-5660.38"}},
    )
    halves = [receipt({"amount": "500000.00"}), receipt({"amount": "300000.00", "receipt_no": "SK0002"})]
    assert found([policy(), *halves]) == {}
    assert found([policy(), *halves, refund])["R-ZJ-13"] == (F, "not-fully-paid")
    assert found([policy(), *halves, less])["R-ZJ-13"] == (Q, "overpaid")
    assert found([policy(), *halves, less, refund]) == {}
    untold = message("endorsement", {"kind": "increase", "premium_change": None})
    assert found([policy(), *halves, untold])["R-ZJ-13"] == (Q, "change-without-amount")
    ended = message("cancellation", {"return_premium": None})
    assert found([policy(), *halves, ended])["R-ZJ-13"] == (Q, "change-without-amount")


def test_rate_is_compared_exactly() -> None:
    """R-ZJ-14: 2 % is not above 2 %; a fen more is."""
    assert found(priced("1000000.00")) == {}
    over = priced("1000000.01")
    assert found(over)["R-ZJ-14"] == (Q, "readings-differ")
    assert found(over, rate_rule="review")["R-ZJ-14"] == (Q, "rate-above-limit")
    assert found(over, rate_rule="reject")["R-ZJ-14"] == (F, "rate-above-limit")
    assert found(over, rate_rule="cap") == {}


def test_rate_counts_the_days_of_a_short_policy() -> None:
    half = {"period": {"start": "2026-03-01", "end": "2026-08-29"}}  # 182 days
    assert found(priced("498630.13", **half)) == {}
    assert found(priced("498630.14", **half))["R-ZJ-14"] == (Q, "readings-differ")


def test_another_scheme_s_award() -> None:
    """R-ZJ-18: what counts as the same is open; cities, counties and this scheme itself never count."""
    named = message("award", {"scheme": "CN-X", "level": "national"})
    assert found([policy(), receipt(), named])["R-ZJ-18"] == (F, "another-award")
    unsaid = message("award", {"scheme": "CN-X"})
    assert found([policy(), receipt(), unsaid])["R-ZJ-18"] == (F, "another-award")
    earlier = message("award", {"scheme": "CN-X", "year": 2025})
    assert found([policy(), receipt(), earlier])["R-ZJ-18"] == (Q, "readings-differ")
    for key in ("示例替尼片|91330106999901014C", "国药准字H20249001"):
        product = message("award", {"scheme": "CN-X", "policy_nos": ["PZEX000000000"], "product_key": key})
        assert found([policy(), receipt(), product])["R-ZJ-18"] == (Q, "readings-differ")
        assert found([policy(), receipt(), product], double_scope="product_ever")["R-ZJ-18"][0] == F
    for level in ("city", "county"):
        low = message("award", {"scheme": "HZ-X", "level": level})
        assert found([policy(), receipt(), low]) == {}
    assert found([policy(), receipt(), message("award")]) == {}
    later = message("award", {"scheme": "CN-X", "awarded_on": "2026-06-01"})
    assert found([policy(), receipt(), later]) == {}


def test_one_record_told_in_two_ways() -> None:
    """F-01: the first one counts, and every policy that one of them names fails."""
    twice = [receipt(), receipt({"amount": "800000.01"})]
    assert found([policy(), *twice]) == {"F-01": (F, "told-in-two-ways")}
    assert found([policy(), *reversed(twice)])["R-ZJ-13"] == (Q, "overpaid")
    other = "PZEX202633010000000777"
    lines = run([*priced("600000.00", number=other), policy(), receipt(), receipt({"policy_no": other})])
    assert {one.policy_no for line in lines for one in line.policies if one.outcome.value == "failed"} == {NO, other}
    awards = [message("award", message_id="A-1"), message("award", {"amount": "1.00"}, message_id="A-1")]
    assert found([policy(), receipt(), *awards])["F-01"][0] == F
    assert "F-01" not in found([policy(), receipt(), message("award", message_id="A-2"), awards[1]])
    late = receipt({"amount": "800000.01", "received_on": "2026-06-01"})
    assert found([policy(), receipt(), late]) == {}  # not yet known


def test_invoices_cover_what_was_paid() -> None:
    """F-02: over all invoices and policies that hang together."""
    assert found([policy(), receipt()]) == {}
    small = message("invoice", {"gross": "799999.99", "net": "754716.97"})
    assert found([policy(), receipt(), small])["F-02"] == (F, "invoices-below-paid")
    rest = message("invoice", {"invoice_no": "26332000000000000104", "gross": "0.01", "net": "0.01", "tax": "0.00"})
    assert found([policy(), receipt(), small, rest]) == {}
    other = "PZEX202633010000000777"
    both = message("invoice", {"policy_nos": [NO, other], "gross": "1400000.00", "net": "1354716.98"})
    second = priced("600000.00", number=other)
    assert all(not one.findings for line in run([policy(), receipt(), *second, both]) for one in line.policies)
    short = message("invoice", {"policy_nos": [NO, other]})
    failing = [one.findings[0].rule for line in run([policy(), receipt(), *second, short]) for one in line.policies]
    assert failing == ["F-02", "F-02"]
    elsewhere = message("invoice", {"gross": "1.00", "net": "1.00", "tax": "0.00"}, insurer=FOLLOWER)
    assert found([policy(), receipt(), elsewhere]) == {}  # another insurer's policy of that number is not there


def test_red_letters_take_invoices_away() -> None:
    """F-03: with a red letter among them; one that names no policy goes with the invoice that it cancels."""
    invoice = message("invoice")
    red = {
        "invoice_no": "26332000000000000106",
        "net": "-754716.98",
        "tax": "-45283.02",
        "gross": "-800000.00",
        "red_letter_of": "26332000000000000103",
    }
    assert found([policy(), receipt(), invoice, message("invoice", red)])["F-03"] == (F, "red-letter")
    nameless = message("invoice", {**red, "policy_nos": []})
    got = found([policy(), receipt(), invoice, nameless])
    assert got["F-03"] == (F, "red-letter")
    assert "F-02" not in got
    new = message("invoice", {"invoice_no": "26332000000000000107"})
    assert found([policy(), receipt(), invoice, nameless, new]) == {}
    unknown = message("invoice", {**red, "policy_nos": [], "red_letter_of": "26332000000000000999"})
    assert found([policy(), receipt(), invoice, unknown]) == {}
    tomorrow = message("invoice", {**red, "issued_on": "2026-06-01"})
    assert found([policy(), receipt(), invoice, tomorrow]) == {}


PAYERS: list[tuple[dict[str, Any] | None, tuple[str, str] | None]] = [
    (COMPANY, None),
    (without(COMPANY, "credit_code"), None),
    ({"name": "示例医药 (杭州)\u3000有限公司"}, None),
    (MAKER, (Q, "another-payer")),
    ({"name": "张三"}, (Q, "another-payer")),
    (None, (Q, "payer-missing")),
    (SELLER, (F, "insurer-paid")),
    (without(SELLER, "credit_code"), (F, "insurer-paid")),
]


@pytest.mark.parametrize(("payer", "expected"), PAYERS)
def test_payer(payer: dict[str, Any] | None, expected: tuple[str, str] | None) -> None:
    """F-07: the policyholder paid; an insurer that pays its own invoice did not receive a premium."""
    got = found([policy(), receipt({"payer": payer}), message("invoice")])
    assert got.get("F-07") == expected


def test_one_payer_of_several_decides() -> None:
    parts = [
        receipt({"amount": "500000.00"}),
        receipt({"amount": "200000.00", "receipt_no": "SK0002", "payer": MAKER}),
        receipt({"amount": "100000.00", "receipt_no": "SK0003", "payer": SELLER}),
    ]
    assert found([policy(), *parts])["F-07"] == (Q, "another-payer")
    assert found([policy(), *parts, message("invoice")])["F-07"] == (F, "insurer-paid")
    assert found([policy(), *parts, message("invoice", insurer=FOLLOWER)])["F-07"] == (Q, "another-payer")


UNITS: list[tuple[list[dict[str, Any]], str | None]] = [
    ([policy({"rate_percent": "0.00016"})], "premium-against-rate"),
    ([policy({"rate_percent": "16000"})], "premium-against-rate"),
    ([policy({"rate_base.amount": "5000.00"})], "premium-against-rate"),
    ([policy({"rate_percent": "0.0016"})], None),  # a thousand is no slip of units
    ([policy(), receipt({"amount": "80.00", "receipt_no": "SK0009"})], None),
    ([policy(), message("invoice", {"gross": "80.00", "net": "80.00", "tax": "0.00"})], "invoice-against-premium"),
    (
        [policy(), message("invoice", {"gross": "8000000000.00", "net": "8000000000.00", "tax": "0.00"})],
        "invoice-against-premium",
    ),
    (
        [policy(), message("invoice", {"gross": "80.00", "net": "80.00", "tax": "0.00", "policy_nos": [NO, "PZEX9"]})],
        None,
    ),
]


@pytest.mark.parametrize(("messages", "reason"), UNITS)
def test_units(messages: list[dict[str, Any]], reason: str | None) -> None:
    """F-10: ten thousand either way, 元 against 万元."""
    got = found([*messages, receipt()]).get("F-10")
    assert got == (None if reason is None else (F, reason))


def test_receipts_in_the_wrong_unit() -> None:
    assert found([policy(), receipt({"amount": "80.00"})])["F-10"] == (F, "receipts-against-premium")
    assert found([policy(), receipt({"amount": "8000000000.00"})])["F-10"] == (F, "receipts-against-premium")
    nothing = policy({"premium": {"gross": "0.00", "net": "0.00", "tax": "0.00", "currency": "CNY"}})
    assert "F-10" not in found([nothing])


SHARES = [
    {"insurer": LEAD, "share_percent": "60", "lead": True},
    {"insurer": FOLLOWER, "share_percent": "40", "lead": False},
]


def shared_policy(changes: dict[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
    return policy({"coinsurance": SHARES, **(changes or {})}, **envelope)


def both(lead: dict[str, Any] | None = None, follower: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """One policy that two insurers report, each with the receipt that it has itself."""
    return [
        shared_policy(lead),
        shared_policy(follower, insurer=FOLLOWER),
        receipt({"amount": "480000.00"}),
        receipt({"amount": "320000.00"}, insurer=FOLLOWER),
    ]


COINSURED: list[tuple[list[dict[str, Any]], str | None]] = [
    (both(), None),
    (both({"coinsurance": SHARES[::-1]}), None),
    (both({"coinsurance": [{**SHARES[0], "share_percent": "50"}, SHARES[1]]}), "shares"),
    (both({"coinsurance": [{**SHARES[0], "share_percent": "59.99"}, SHARES[1]]}), "shares"),
    (both({"coinsurance": [{**one, "lead": True} for one in SHARES]}), "leads"),
    (both({"coinsurance": [{**one, "lead": False} for one in SHARES]}), "leads"),
    (both(follower={"coinsurance": []}), "shares"),
    (both(follower={"limits.aggregate": "60000000.00"}), "reports-differ"),
    (both(follower={"period.end": "2027-03-01"}), "reports-differ"),
    (both(follower={"policyholder": MAKER}), "reports-differ"),
    (both(follower={"product.approval_no": "国药准字H20249002"}), "reports-differ"),
    (both(follower={"premium.gross": "800000.01"}), "reports-differ"),
    (
        both(
            follower={
                "coinsurance": [
                    {**SHARES[0], "share_percent": "61"},
                    {**SHARES[1], "share_percent": "39"},
                ]
            }
        ),
        "reports-differ",
    ),
    ([*both(), shared_policy(insurer="THIRD-PC")], "not-on-the-list"),
    (
        [
            *both(),
            message("endorsement"),
            message("endorsement", {"effective_on": "2026-04-11"}, insurer=FOLLOWER),
        ],
        "changes-differ",
    ),
    ([*both(), message("endorsement"), message("endorsement", insurer=FOLLOWER)], None),
    (
        [
            *both(),
            message("endorsement", {"endorsement_no": "EZEX20263301000009"}),
            message("cancellation", {"endorsement_no": "EZEX20263301000009"}, insurer=FOLLOWER),
        ],
        "changes-differ",
    ),
]


@pytest.mark.parametrize(("messages", "reason"), COINSURED)
def test_coinsurance(messages: list[dict[str, Any]], reason: str | None) -> None:
    """F-16: the shares make one whole, one leads, and all tell the same policy."""
    got = only(messages)
    assert got.insurer == LEAD
    assert {finding.rule: finding.reason for finding in got.findings}.get("F-16") == reason
    if reason is None:
        assert str(got.subsidy) == "400000.00"


def test_followers_cannot_be_paid_alone() -> None:
    """F-17: the lead's own report is there."""
    alone = [shared_policy(insurer=FOLLOWER), receipt(insurer=FOLLOWER)]
    assert found(alone)["F-17"] == (F, "followers-only")
    assert only(alone).insurer == FOLLOWER
    assert found([shared_policy(), receipt(insurer=FOLLOWER)]) == {}  # the follower's receipt is of the lead's policy


def test_a_number_that_two_insurers_use_by_chance_is_two_policies() -> None:
    messages = [policy(), receipt(), policy(insurer=FOLLOWER)]
    (line,) = run(messages)
    assert [(one.insurer, one.outcome.value) for one in line.policies] == [(LEAD, "passed"), (FOLLOWER, "failed")]


def test_every_rule_of_every_scheme_is_asked_and_told() -> None:
    """What a scheme lists is what its calculation knows, and has texts."""
    from gateway.schemes import load_keys, load_schemes, load_texts

    texts = load_texts()
    for scheme in load_schemes():
        assert set(scheme.rules) <= set(texts), scheme.id
        assert set(scheme.open) <= set(load_keys()), scheme.id
    assert {key.rule for key in load_keys().values()} <= set(texts)
    assert terms().scheme.id == "ZJ-NDI"
    assert AT.year == 2026
