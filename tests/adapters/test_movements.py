"""Coverholder premium bordereaux (DIALECTS 9): header codes, movements, policies once, signs, taxes, totals."""

import pytest
from sheets_made import MOVEMENT, movements
from translated import everything, records, told

from adapters import Lineage, translate
from adapters.completion import complete

CODE = "DIA-CRS-CSV"
NET, TAX = "CR0059 Gross Premium Paid This Time", "CR0064 Total Taxes and Levies"
TYPE, WAY, EFFECTIVE = "CR0022", "CR0056 Premium Transaction Type", "CR0057 Effective Date of Transaction"


def problems(data: bytes) -> set[tuple[int, str, str | None]]:
    return told(everything(CODE, data))


def refused(data: bytes) -> tuple[str, str | None]:
    """Rule and field of the refusal of a whole file."""
    (row,) = everything(CODE, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field


def headed(old: str, new: str) -> bytes:
    return movements({}).replace(f'"{old}"'.encode(), f'"{new}"'.encode(), 1)


@pytest.mark.parametrize(
    "name",
    ["cr0064", " CR0064  total TAXES and levies ", "Total Taxes and Levies", "ＣＲ００６４"],
)
def test_a_header_is_its_code_its_name_or_both(name: str) -> None:
    assert problems(headed(TAX, name)) == set()


@pytest.mark.parametrize(
    ("name", "rule", "field"),
    [
        ("CR0059 Total Taxes and Levies", "column.conflict", "CR0059 Total Taxes and Levies"),
        (" CR0064  Insured Name ", "column.conflict", "CR0064  Insured Name"),
        ("CR0064 Insured Address", "column.conflict", "CR0064 Insured Address"),
        ("CR0064 Taxes", "field.unaccounted", "CR0064 Taxes"),
        ("CR9999", "field.unaccounted", "CR9999"),
        ("Total Taxes and Levies (CNY)", "field.unaccounted", "Total Taxes and Levies (CNY)"),
        ("Fees", "column.missing", "premium.tax"),
        ("Insured Name", "column.duplicate", "policyholder.name"),
        ("", "field.unaccounted", ""),
    ],
)
def test_a_header_that_is_not_understood_refuses_the_file(name: str, rule: str, field: str) -> None:
    assert refused(headed(TAX, name)) == (rule, field)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Certificate Reference", "policy_no"),
        ("Original Currency", "premium.currency"),
        ("CR0021 Total Gross Written Premium", "premium.net"),
        (TYPE, "type"),
        ("Risk Inception Date", "period.start"),
        (WAY, "type"),
        (EFFECTIVE, "effective_on"),
        (NET, "premium.net"),
    ],
)
def test_a_column_that_is_missing_is_named(name: str, field: str) -> None:
    assert refused(headed(name, "Fees")) == ("column.missing", field)


def test_a_first_record_without_any_known_name_is_no_header() -> None:
    assert refused(b"a,b\n1,2\n") == ("header.not-found", None)
    assert refused(b"") == ("header.not-found", None)


def test_where_each_value_stands() -> None:
    (row,) = everything(CODE, movements({}))
    policy, receipt = row.records
    at = f"{CODE}/1.0"
    assert policy.lineage["premium.net"] == Lineage("row 2, column CR0021 Total Gross Written Premium", "1000.00", at)
    assert policy.lineage["premium.tax"] == Lineage(f"row 2, column {TAX}", "60.00", at)
    assert policy.lineage["premium.gross"] == Lineage("computed from premium.net, premium.tax", None, at)
    assert policy.lineage["period.start"] == Lineage("row 2, column Risk Inception Date", "01/03/2026", at)
    assert receipt.lineage["received_on"] == Lineage("row 2, column Date Premium Received", "3/4/2026", at)
    assert receipt.record == {"policy_no": "CNZJ26-LSC-000417", "amount": "1060.00", "received_on": "2026-04-03"}


RETURN = {WAY: "Return Premium", NET: "(500.00)", TAX: "-30.00", EFFECTIVE: "1/5/2026"}


@pytest.mark.parametrize(
    ("cells", "made"),
    [
        ({TYPE: "renewal", WAY: "original  PREMIUM"}, ["policy", "premium_receipt"]),
        ({TYPE: "Adjustment"}, ["premium_receipt"]),
        ({TYPE: "Adjustment", WAY: "Additional"}, ["endorsement", "premium_receipt"]),
        ({TYPE: "Adjustment", **RETURN}, ["endorsement", "premium_refund"]),
        ({TYPE: "Cancellation", **RETURN}, ["cancellation", "premium_refund"]),
        ({TYPE: "Cancellation"}, "type"),
        ({TYPE: "New Business", **RETURN}, "type"),
        ({TYPE: "Reinstatement"}, "type"),
        ({WAY: "Deposit"}, "type"),
    ],
)
def test_what_a_movement_is(cells: dict[str, str], made: list[str] | str) -> None:
    rows = everything(CODE, movements(cells))
    if isinstance(made, str):
        assert told(rows) == {(2, "value.unknown", "type")}
    else:
        assert told(rows) == set()
        assert [row["type"] for row in records(rows)] == made


def test_changes_cancellations_and_refunds_state_their_amounts() -> None:
    more = ("Endorsement Reference", "Payer Name")
    extra = {"Endorsement Reference": "END-2026-001", "Payer Name": "甲公司"}
    from_start = {**RETURN, EFFECTIVE: "2026-03-01", TYPE: "Cancellation", "Date Premium Received": ""}
    rows = everything(CODE, movements({TYPE: "Adjustment", **RETURN, **extra}, from_start, more=more))
    assert told(rows) == {(3, "receipt.date-missing", "paid_on")}
    change, refund, cancellation = (row["record"] for row in records(rows))
    assert change["premium_change"] == {"gross": "-530.00", "net": "-500.00", "tax": "-30.00"}
    assert (change["kind"], change["endorsement_no"], change["effective_on"]) == (
        "decrease",
        "END-2026-001",
        "2026-05-01",
    )
    assert refund == {
        "policy_no": "CNZJ26-LSC-000417",
        "endorsement_no": "END-2026-001",
        "amount": "530.00",
        "paid_on": "2026-04-03",
        "payee": {"name": "甲公司"},
    }
    assert (cancellation["kind"], cancellation["return_premium"]["gross"]) == ("from_inception", "530.00")


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({NET: "-1000.00"}, "premium.net"),
        ({NET: "0"}, "premium.net"),
        ({TAX: "-60.00"}, "premium.net"),
        ({"CR0021 Total Gross Written Premium": "-1000.00"}, "premium.net"),
        ({TYPE: "Adjustment", NET: "-1"}, "premium_change.net"),
        ({TYPE: "Adjustment", WAY: "Additional", NET: "0.00"}, "premium_change.net"),
        ({TYPE: "Adjustment", **RETURN, NET: "1"}, "premium_change.net"),
        ({TYPE: "Cancellation", **RETURN, TAX: "30"}, "return_premium.net"),
    ],
)
def test_signs_fit_the_movement(cells: dict[str, str], field: str) -> None:
    assert problems(movements(cells)) == {(2, "sign.contradiction", field)}


@pytest.mark.parametrize(
    ("base", "rate", "amount", "holds"),
    [
        ("1000.00", "6", "60.00", True),
        ("1000.00", "6%", "60.00", True),
        ("1000.16", "6", "60.00", True),
        ("1000.17", "6", "60.00", False),
        ("1000.00", "6", "60.01", False),
        ("1000.00", "0.06", "60.00", False),
        ("", "6", "60.00", True),
        ("1000.00", "13", "", True),
    ],
)
def test_the_parts_of_the_tax_agree(base: str, rate: str, amount: str, holds: bool) -> None:
    names = ("CR0079 Tax 1 Taxable Amount", "Tax 1 Rate", "CR0083")
    data = movements(dict(zip(names, (base, rate, amount), strict=True)), more=names)
    assert problems(data) == (set() if holds else {(2, "premium.tax-mismatch", "premium.tax")})


@pytest.mark.parametrize(
    ("cells", "rule", "field"),
    [
        ({"Risk Inception Date": "2026-03-01"}, None, None),
        ({"Risk Inception Date": "13/13/2026"}, "date.unreadable", "period.start"),
        ({"Risk Inception Date": "1/3/26"}, "date.unreadable", "period.start"),
        ({"CR0031 Risk Expiry Date": "28/02/2026"}, "period.inverted", "period"),
        ({EFFECTIVE: "46082"}, "date.unreadable", "effective_on"),
        ({EFFECTIVE: "/"}, "field.missing", "effective_on"),
        ({"Original Currency": ""}, "field.missing", "premium.currency"),
        ({NET: "1.005"}, "number.sub-fen", "premium.net"),
        ({NET: ""}, "field.missing", "premium.net"),
        ({TYPE: "Adjustment", TAX: "x"}, "number.unreadable", "premium_change.tax"),
        ({"Insured Name": "=1+1"}, "text.formula", "policyholder.name"),
        ({"Insured Name": ""}, "field.missing", "policyholder.name"),
        ({"Date Premium Received": "x"}, "date.unreadable", "received_on"),
        ({TYPE: "Cancellation", **RETURN, "Date Premium Received": "x"}, "date.unreadable", "paid_on"),
        ({"Certificate Reference": "n/a"}, "row.unreadable", "policy_no"),
    ],
)
def test_a_row_that_is_not_right_is_refused_for_it(cells: dict[str, str], rule: str | None, field: str | None) -> None:
    assert problems(movements(cells)) == ({(2, rule, field)} if rule else set())


def test_a_certificate_has_one_policy() -> None:
    later = {EFFECTIVE: "1/10/2026"}
    rows = everything(CODE, movements({}, later, {**later, TYPE: "Renewal", "Date Premium Received": "1/11/2026"}))
    assert told(rows) == set()
    assert [row["type"] for row in records(rows)] == ["policy", *["premium_receipt"] * 3]
    other = {**later, "Sum Insured Amount": "40000001"}
    assert problems(movements({}, {TYPE: "Adjustment"}, other)) == {
        (2, "row.conflict", "policy_no"),
        (4, "row.conflict", "policy_no"),
    }
    # The first row that is not refused makes the policy.
    rows = everything(CODE, movements({"Date Premium Received": "x"}, other))
    assert [(row["row"], row["type"]) for row in records(rows)] == [(3, "policy"), (3, "premium_receipt")]


def test_rows_equal_in_every_cell_are_one() -> None:
    spaced = {"Insured Name": " Demo Pharma (Hangzhou) Co. Ltd "}
    assert problems(movements({}, spaced)) == {(3, "row.duplicate", "policy_no")}
    adjusted = {TYPE: "Adjustment", WAY: "Additional"}
    assert problems(movements(adjusted, adjusted, {**adjusted, EFFECTIVE: "2/3/2026"})) == {
        (3, "row.duplicate", "policy_no")
    }
    assert problems(movements({"Section Number": "1"}, {"Section Number": "2"}, more=("Section Number",))) == set()


def test_totals_are_those_of_the_two_amounts() -> None:
    names = list(MOVEMENT)
    line = ["Total", *[""] * (len(names) - 1)]
    line[names.index(NET)], line[names.index(TAX)], line[names.index("Sum Insured Amount")] = "1000", "60", "1"
    assert problems(movements({}, below=",".join(line))) == set()
    line[names.index(TAX)] = "61"
    assert problems(movements({}, below=",".join(line))) == {(3, "row.total-mismatch", "premium.tax")}


def test_what_the_list_has_no_number_for_gets_one_of_its_own_keys() -> None:
    data = movements(
        {TYPE: "Adjustment", WAY: "Additional"}, {TYPE: "Adjustment", WAY: "Additional", EFFECTIVE: "2/3/2026"}
    )
    made = [complete(draft, CODE).record for row in translate(CODE, data) for draft in row.records]
    numbers = [record.get("endorsement_no") or record["receipt_no"] for record in made]
    assert len(set(numbers)) == 4
    again = [complete(draft, CODE).record for row in translate(CODE, data) for draft in row.records]
    assert made == again


def test_only_utf8_is_read() -> None:
    assert problems(b"\xef\xbb\xbf" + movements({})) == set()
    assert refused(movements({"Insured Name": "甲公司"}).decode().encode("gb18030")) == ("encoding.undecodable", None)
    assert problems(movements({}).rstrip(b"\n") + b",x\n") == {(2, "row.ragged", None)}
    assert problems(movements({}).replace(b'"1000.00","60.00"', b'"1000.00"x,"60.00"')) == {(2, "row.ragged", None)}
