"""Derived identifiers: the same source gives the same one, another another one, and nothing stated is replaced."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from translated import CSV_HEAD, RECEIPT, csv, everything, message, packet, policy_xml, receipt_xml

from adapters import Draft
from adapters.completion import complete
from adapters.insurers import MAPPINGS
from schemas.submission import RECORDS


def completed(code: str, data: bytes) -> list[Draft]:
    return [complete(draft, code) for row in everything(code, data) for draft in row.records]


def pays(*entries: str) -> str:
    return policy_xml(rest=f"<PAY_LIST>{''.join(f'<PAY>{entry}</PAY>' for entry in entries)}</PAY_LIST>")


PAID = "<N_TMS>1</N_TMS><N_GOT_PRM>{}</N_GOT_PRM><T_GOT_TM>2026-03-02</T_GOT_TM>".format


def test_a_paid_instalment_gets_a_number_of_its_own() -> None:
    first, again = (completed("DIA-CHANNEL-XML", packet(pays(PAID(amount))))[1] for amount in ("5", "5.00元"))
    assert first.record["receipt_no"] == again.record["receipt_no"]
    assert first.lineage["receipt_no"] == (
        "derived from policy_no, instalment_no, received_on, amount",
        None,
        "DIA-CHANNEL-XML/1.0",
    )
    RECORDS["premium_receipt"].model_validate(first.record)


def test_the_numbers_of_different_payments_differ() -> None:
    others = [
        PAID("5.01"),
        PAID("5").replace(">1<", ">2<"),
        PAID("5").replace("03-02", "03-03"),
        PAID("5").replace("<N_TMS>1</N_TMS>", ""),
    ]
    drafts = completed("DIA-CHANNEL-XML", packet(pays(PAID("5"), *others, PAID("5"), PAID("5"))))[1:]
    numbers = [draft.record["receipt_no"] for draft in drafts]
    assert len(set(numbers)) == len(numbers) == 7
    other_policy = packet(pays(PAID("5")).replace("0000000012", "0000000013"))
    assert completed("DIA-CHANNEL-XML", other_policy)[1].record["receipt_no"] not in numbers


def test_a_receipt_and_a_refund_of_a_list_never_share_a_number() -> None:
    paid = {"实收保费（万元）": "10", "收费日期": "2026-3-2"}
    change = {"批单号": "EZAC20263300000001", "应收保费（万元）": "10"}
    back = {
        "批单号": "EZAC20263300000002",
        "应收保费（万元）": "-10",
        "实收保费（万元）": "-10",
        "收费日期": "2026-3-2",
    }
    drafts = completed("DIA-CSV-LIST", csv(paid, {**change, **paid}, back, head=CSV_HEAD))
    numbers = [draft.record.get("receipt_no") or draft.record.get("refund_no") for draft in drafts]
    money = [number for number in numbers if number]
    assert len(money) == len(set(money)) == 3
    assert [number[:3] for number in money] == ["RD-", "RD-", "FD-"]
    for draft in drafts[1:]:
        RECORDS[draft.type].model_validate(draft.record)


def test_a_stated_number_is_never_replaced() -> None:
    (draft,) = completed("DIA-CHANNEL-XML", packet(receipt_xml()))
    assert draft.record["receipt_no"] == "SK2026022600001"
    (row,) = everything("DIA-CANON-JSON", message("premium_receipt", RECEIPT))
    assert complete(row.records[0], MAPPINGS["DIA-CANON-JSON"]) is row.records[0]


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.dates(date(2026, 1, 1), date(2026, 12, 31))), min_size=2, max_size=8)
)
def test_order_and_company_of_other_rows_change_no_number(payments: list[tuple[int, date]]) -> None:
    rows = [
        {"保单号": f"PZAC2026330100{n:08d}", "实收保费（万元）": str(amount), "收费日期": day.isoformat()}
        for n, (amount, day) in enumerate(payments)
    ]
    whole = numbers(csv(*rows))
    assert numbers(csv(*reversed(rows))) == whole
    assert len(set(whole.values())) == len(rows)
    for row in rows:
        assert numbers(csv(row)).items() <= whole.items()


def numbers(data: bytes) -> dict[str, str]:
    drafts = completed("DIA-CSV-LIST", data)
    return {d.record["policy_no"]: d.record["receipt_no"] for d in drafts if d.type == "premium_receipt"}
