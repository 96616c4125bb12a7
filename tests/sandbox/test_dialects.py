"""A record that the sandbox writes in a format is read back as that record, in all that the format carries."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import translate
from adapters.insurers import MAPPINGS
from sandbox import invoices, records
from sandbox.dialects import DIALECTS, Sending, render
from sandbox.insurers import PROFILES
from sandbox.records import PolicyFacts, Record
from schemas.identifiers import credit_check_character

BY = Sending("SANDBOX-A", "M-1", datetime(2026, 11, 21, 8, tzinfo=UTC))
ASCII = frozenset({"DIA-ACORD-AL3"})

# What each format carries, by type; list indexes are left out. All of it must come back, and nothing else than it.
_PARTIES = "policyholder.name policyholder.credit_code"
_INSURED = "insured.name insured.credit_code insured.role"
_PERIOD = "period.start period.end"
_CLAUSES = "clauses.registration_no clauses.kind"
_PRODUCT = (
    "product.kind product.generic_name product.approval_no product.approval_date product.registration_class "
    "product.class_group product.class_codes"
)
_MAKERS = (
    "product.holder.name product.holder.credit_code product.manufacturer.name product.manufacturer.credit_code "
    "product.dosage_form product.specification"
)
_RATE = "limits.aggregate rate_percent rate_base.kind rate_base.amount"
_PREMIUM = "premium.gross premium.net premium.tax premium.currency"
_PLAN = "instalments.no instalments.due_on instalments.amount"
_SHARES = "coinsurance.insurer coinsurance.share_percent coinsurance.lead"
_CORE = f"policy_no line issued_on {_PARTIES} {_PERIOD} {_RATE} {_PREMIUM}"
_WHOLE = f"{_CORE} {_INSURED} {_CLAUSES} clauses.name {_PRODUCT} {_MAKERS} {_PLAN} {_SHARES}"
_RECEIPT = "policy_no receipt_no amount received_on payer.name payer.credit_code"
_HOW = "instalment_no method bank_reference paid_in_full"
_REFUND = "policy_no refund_no amount paid_on payee.name payee.credit_code"
_CHANGE = "policy_no endorsement_no kind effective_on"
_CHANGED = "premium_change.gross premium_change.net premium_change.tax"
_RETURNED = "return_premium.gross return_premium.net return_premium.tax"
_INVOICE = (
    "invoice_no issued_on seller.name seller.credit_code buyer.name buyer.credit_code net tax gross policy_nos "
    "red_letter_of"
)
CARRIES: Mapping[str, Mapping[str, str]] = {
    "DIA-CHANNEL-XML": {
        "policy": _WHOLE,
        "premium_receipt": f"{_RECEIPT} {_HOW}",
        "premium_refund": f"{_REFUND} endorsement_no reason",
        "endorsement": f"{_CHANGE} issued_on {_CHANGED}",
        "cancellation": f"{_CHANGE} reason {_RETURNED}",
    },
    "DIA-SOAP-XML": {
        "policy": _WHOLE,
        "premium_receipt": f"{_RECEIPT} {_HOW}",
        "premium_refund": f"{_REFUND} endorsement_no reason",
        "endorsement": f"{_CHANGE} issued_on {_CHANGED}",
        "cancellation": f"{_CHANGE} reason {_RETURNED}",
    },
    "DIA-CSV-LIST": {
        "policy": f"{_CORE} {_CLAUSES} {_PRODUCT} product.specification product.holder.name product.manufacturer.name "
        f"{_SHARES}",
        "premium_receipt": "policy_no amount received_on payer.name paid_in_full",
        "premium_refund": "policy_no amount paid_on payee.name endorsement_no",
        "endorsement": f"{_CHANGE} issued_on {_CHANGED}",
        "cancellation": f"{_CHANGE} {_RETURNED}",
    },
    "DIA-XLSX-BDX": {
        "policy": f"policy_no issued_on {_PARTIES} {_PERIOD} {_RATE} {_PREMIUM} {_PRODUCT} product.specification "
        "product.holder.name",
        "premium_receipt": "policy_no amount received_on payer.name",
        "premium_refund": "policy_no amount paid_on payee.name endorsement_no",
        "endorsement": f"policy_no endorsement_no kind issued_on {_CHANGED}",
    },
    "DIA-PRPC-JSON": {
        "policy": _WHOLE,
        "premium_receipt": f"{_RECEIPT} instalment_no",
        "premium_refund": _REFUND,
        "endorsement": f"{_CHANGE} issued_on premium_change.gross",
        "cancellation": f"{_CHANGE} return_premium.gross",
    },
    "DIA-CANON-JSON": {
        "policy": _WHOLE,
        "premium_receipt": f"{_RECEIPT} {_HOW}",
        "premium_refund": f"{_REFUND} endorsement_no reason",
        "endorsement": f"{_CHANGE} issued_on {_CHANGED}",
        "cancellation": f"{_CHANGE} reason {_RETURNED}",
        "invoice": _INVOICE,
    },
    "DIA-ACORD-XML": {
        "policy": f"{_CORE} {_INSURED} {_PLAN}",
        "endorsement": f"{_CHANGE} issued_on premium_change.gross",
        "cancellation": f"{_CHANGE} reason return_premium.gross",
    },
    "DIA-ACORD-AL3": {
        "policy": _CORE,
        "endorsement": f"{_CHANGE} issued_on {_CHANGED}",
        "cancellation": f"{_CHANGE} {_RETURNED}",
    },
    "DIA-CRS-CSV": {
        "policy": f"policy_no {_PARTIES} {_PERIOD} limits.aggregate {_PREMIUM}",
        "premium_receipt": "policy_no amount received_on payer.name",
        "premium_refund": "policy_no amount paid_on payee.name endorsement_no",
        "endorsement": f"{_CHANGE} {_CHANGED}",
        "cancellation": f"{_CHANGE} {_RETURNED}",
    },
    "DIA-RECEIPT-JSON": {
        "premium_receipt": f"{_RECEIPT} {_HOW}",
        "premium_refund": f"{_REFUND} endorsement_no reason",
    },
    "DIA-EINV-XML": {"invoice": _INVOICE},
    "DIA-EAST-TXT": {
        "policy": f"{_CORE} {_INSURED} {_CLAUSES} {_PRODUCT} {_SHARES}",
        "premium_receipt": f"{_RECEIPT} instalment_no",
        "premium_refund": f"{_REFUND} endorsement_no",
    },
}
NOTES = {"receipt.date-missing"}  # of a movement without a payment

DAYS = st.dates(date(2024, 1, 1), date(2026, 11, 1))
LATIN = st.sampled_from(["DEMO PHARMA CO., LTD", "A&B <PHARMA> (ZJ)", 'O\'Neil "Biotech"'])
CHINESE = st.sampled_from(["示例医药（杭州）有限公司", "𠮷祥药业有限公司", "A&B <制药> 甲，乙"])


@st.composite
def parties(draw: st.DrawFn, names: st.SearchStrategy[str]) -> dict[str, str]:
    first = draw(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
    return {"name": draw(names), "credit_code": first + credit_check_character(first)}


@st.composite
def policies(draw: st.DrawFn, names: st.SearchStrategy[str]) -> PolicyFacts:
    """A complete policy, shared or not, in one instalment or several."""
    product = {
        "kind": "drug",
        "generic_name": draw(st.sampled_from(["示例替尼片", "示例单抗注射液"])),
        "approval_no": "国药准字H20230999",
        "approval_date": draw(DAYS).isoformat(),
        "registration_class": "化药2.2类＋2.4类",
        "class_group": "chemical",
        "class_codes": ["2.2", "2.4"],
        "holder": draw(parties(names)),
        "manufacturer": draw(parties(names)),
        "dosage_form": "片剂",
        "specification": "10mg×30片",
    }
    share = draw(st.integers(1, 9999))
    shares = [
        {"insurer": BY.insurer, "share_percent": f"{share / 100:g}", "lead": draw(st.booleans())},
        {"insurer": "丙财险", "share_percent": f"{(10000 - share) / 100:g}", "lead": False},
    ]
    shares[1]["lead"] = not shares[0]["lead"]
    clauses = [
        {"registration_no": "C00009930912025061000011", "name": "药品产品责任保险条款", "kind": "main"},
        {"registration_no": "C00009930922025061000022", "name": "附加召回费用保险条款", "kind": "rider"},
    ]
    start = draw(DAYS)
    return records.policy(
        BY.insurer,
        policy_no=draw(st.from_regex(r"[A-Z][0-9A-Z]{12,23}", fullmatch=True)),
        policyholder=draw(parties(names)),
        product=product,
        line=draw(st.sampled_from(["product_liability", "drug_liability", "device_liability"])),
        clauses=clauses[: draw(st.integers(1, 2))],
        issued_on=start - timedelta(days=draw(st.integers(0, 60))),
        start=start,
        years=draw(st.integers(1, 3)),
        aggregate=str(draw(st.integers(1, 99_999)) * 10_000),
        rate=f"{draw(st.integers(1, 990)) / 100:g}",
        instalments=draw(st.integers(1, 3)),
        coinsurance=shares if draw(st.booleans()) else (),
    )


@st.composite
def stories(draw: st.DrawFn, names: st.SearchStrategy[str]) -> dict[str, list[Record]]:
    """A policy and what happened to it, by type; the premium is paid at once."""
    facts = draw(policies(names))
    start = date.fromisoformat(facts.body["period"]["start"])
    day, gross = draw(DAYS.filter(lambda day: day != start)), facts.gross
    number = draw(st.integers(0, 9999))
    change = f"{draw(st.integers(100, 10**9)) / 100:.2f}"
    kind = draw(st.sampled_from(["increase", "decrease"]))
    signed = change if kind == "increase" else f"-{change}"
    one = facts.body["instalments"]
    paid = records.receipt(
        facts,
        receipt_no=f"SK{number:08d}",
        amount=one[0]["amount"],
        received_on=day,
        instalment_no=1,
        in_full=len(one) == 1,
    )
    endorsed = records.endorsement(
        facts, endorsement_no=f"E{number:012d}", kind=kind, issued_on=day, effective_on=day, gross=signed
    )
    cancelled = records.cancellation(
        facts, endorsement_no=f"E{number:012d}9", effective_on=day, gross=gross, reason="投保人申请退保"
    )
    returned = records.refund(
        facts, refund_no=f"TF{number:08d}", endorsement_no=f"E{number:012d}9", amount=gross, paid_on=day, reason="退保"
    )
    seller = draw(parties(names))
    blue = invoices.invoice(facts, invoice_no=f"{number:020d}", issued_on=day, seller=seller, gross=gross)
    red = invoices.invoice(
        facts, invoice_no=f"{number + 1:020d}", issued_on=day, seller=seller, gross=gross, red_of=f"{number:020d}"
    )
    return {
        "policy": [facts],
        "premium_receipt": [paid],
        "premium_refund": [returned],
        "endorsement": [endorsed],
        "cancellation": [cancelled],
        "invoice": [blue, red],
    }


def flat(value: Any, above: str = "") -> dict[tuple[str, str], Any]:
    """Each leaf by its path with and without list indexes; a list of texts is a leaf."""
    if isinstance(value, dict):
        return {key: leaf for name, item in value.items() for key, leaf in flat(item, f"{above}.{name}").items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {key: leaf for n, item in enumerate(value) for key, leaf in flat(item, f"{above}.#{n}").items()}
    return {(above, ".".join(step for step in above.split(".") if step and not step.startswith("#"))): value}


def sent_together(dialect: str, story: Mapping[str, list[Record]]) -> list[list[Record]]:
    """The messages in which this format tells a story: what it can say at once, by its own rules."""
    said = [one for kind in CARRIES[dialect] for one in story[kind]]
    if dialect == "DIA-SOAP-XML":
        return [[one] for one in said]
    if dialect == "DIA-EAST-TXT":
        return [[one for one in said if one.type == "policy"], [one for one in said if one.type != "policy"]]
    if dialect in ("DIA-XLSX-BDX", "DIA-CRS-CSV"):  # money stands beside what it is for
        at_once = len(story["policy"][0].body["instalments"]) == 1 or dialect == "DIA-XLSX-BDX"
        kept = {"policy", "endorsement"} | ({"premium_receipt"} if at_once else set())
        kept |= {"cancellation", "premium_refund"} if dialect == "DIA-CRS-CSV" else set()
        return [[one for one in said if one.type in kept]]
    return [said]


def check(dialect: str, sent: Sequence[Record]) -> None:
    media_type, data = render(dialect, sent, BY)
    rows = list(translate(dialect, data, insurer=BY.insurer, media_type=media_type))
    assert {problem.rule for row in rows for problem in row.problems} <= NOTES, [row.problems for row in rows]
    read = [draft for row in rows for draft in row.records]
    assert sorted(draft.type for draft in read) == sorted(one.type for one in sent)
    for kind in CARRIES[dialect]:
        carries = set(CARRIES[dialect][kind].split())
        drafts = [draft for draft in read if draft.type == kind]
        for one, draft in zip([one for one in sent if one.type == kind], drafts, strict=True):
            body, found = flat(one.body), flat(draft.record)
            assert found == {key: leaf for key, leaf in body.items() if key[1] in carries}


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_back(dialect: str, data: st.DataObject) -> None:
    story = data.draw(stories(LATIN if dialect in ASCII else st.one_of(LATIN, CHINESE)))
    for sent in sent_together(dialect, story):
        check(dialect, sent)


def test_the_formats_are_those_of_the_adapters() -> None:
    assert set(DIALECTS) == set(CARRIES)
    assert set(DIALECTS) <= set(MAPPINGS)
    assert {one.dialect for one in PROFILES} <= set(DIALECTS)


def story_of_one() -> dict[str, list[Record]]:
    holder = {"name": "示例医药有限公司", "credit_code": "91330108MA2XX9T186"}
    facts = records.policy(
        BY.insurer,
        policy_no="PTEST20263301000001",
        policyholder=holder,
        product={"generic_name": "x"},
        line="other",
        clauses=(),
        issued_on=date(2026, 1, 1),
        start=date(2026, 1, 1),
        years=1,
        aggregate="10000",
        rate="1",
    )
    day = date(2026, 2, 1)
    return {
        "premium_receipt": [
            records.receipt(facts, receipt_no="SK01", amount="1.00", received_on=day, instalment_no=None, in_full=False)
        ],
        "cancellation": [
            records.cancellation(facts, endorsement_no="E000000001", effective_on=day, gross="1.00", reason="x")
        ],
        "policy": [facts],
    }


@pytest.mark.parametrize(
    ("dialect", "kinds"),
    [
        ("DIA-SOAP-XML", ("premium_receipt", "cancellation")),
        ("DIA-XLSX-BDX", ("cancellation",)),
        ("DIA-XLSX-BDX", ("premium_receipt",)),
        ("DIA-PRPC-JSON", ("premium_receipt",)),
        ("DIA-ACORD-XML", ("premium_receipt",)),
        ("DIA-ACORD-AL3", ("premium_receipt",)),
        ("DIA-ACORD-AL3", ("policy",)),
        ("DIA-CRS-CSV", ("policy", "premium_receipt")),
        ("DIA-CRS-CSV", ("cancellation",)),
        ("DIA-RECEIPT-JSON", ("policy",)),
        ("DIA-EAST-TXT", ("policy", "premium_receipt")),
    ],
)
def test_what_a_format_cannot_say_is_an_error(dialect: str, kinds: tuple[str, ...]) -> None:
    story = story_of_one()
    with pytest.raises(ValueError):
        render(dialect, [one for kind in kinds for one in story[kind]], BY)


def test_premiums_add_up() -> None:
    assert Decimal(str(story_of_one()["policy"][0].get("premium.gross"))) == 100
