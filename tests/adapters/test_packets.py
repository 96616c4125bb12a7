"""The core-channel packet (DIALECTS 1): framing, accounting, and each row's own rules."""

import pytest
from translated import endorsement_xml, everything, packet, policy_xml, receipt_xml, records, told

CODE = "DIA-CHANNEL-XML"
POLICY_NO = "PZAC202633010000000012"


def problems(*rows: str) -> set[tuple[int, str, str | None]]:
    return told(everything(CODE, packet(*rows)))


def listed(found: str) -> set[str]:
    """Problems in one text, separated by commas."""
    return set(found.split(", ")) if found else set()


def only(*rows: str) -> dict[str, object]:
    """The record of the one row that came out, without a problem."""
    (found,) = records(everything(CODE, packet(*rows)))
    assert problems(*rows) == set()
    record: dict[str, object] = found["record"]
    return record


def refused(data: bytes) -> tuple[str, str | None]:
    (row,) = everything(CODE, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field


PACKET = packet(policy_xml()).decode()


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        (("<BODY>", "<BODY><EXTRA_LIST/>"), "field.unaccounted", "BODY/EXTRA_LIST"),
        (("<HEAD/>", "<HEAD><TOKEN/></HEAD>"), "field.unaccounted", "HEAD/TOKEN"),
        (("<HEAD/>", "<HEAD><USER>x</USER></HEAD><TAIL/>"), "field.unaccounted", "TAIL"),
        (("<HEAD/>", "<HEAD>x</HEAD>"), "field.unaccounted", "HEAD"),
        (("<PACKET>", "<PACKET sender='x'>"), "field.unaccounted", "@sender"),
        (("<BODY>", "<BODY when='x'>"), "field.unaccounted", "BODY/@when"),
        (("<POLICY_LIST>", "<POLICY_LIST><OTHER_DATA/>"), "field.unaccounted", "BODY/POLICY_LIST/OTHER_DATA"),
        (("PACKET>", "PAKET>"), "dialect.unrecognised", None),
        (("<PACKET>", "<PACKET xmlns='urn:x'>"), "dialect.unrecognised", None),
        (("BODY>", "RUMPF>"), "dialect.unrecognised", None),
        (("</PACKET>", ""), "xml.malformed", None),
        (("<PACKET>", "<!DOCTYPE PACKET><PACKET>"), "xml.dtd", None),
        (("UTF-8", "Big5"), "encoding.undecodable", None),
        (("<PACKET>", "<PACKET>\x01"), "xml.malformed", None),
        (("<HEAD/>", "<HEAD/>" + "<A>" * 70 + "</A>" * 70), "xml.too-deep", None),
    ],
)
def test_what_is_wrong_outside_of_rows_refuses_the_file(change: tuple[str, str], rule: str, field: str | None) -> None:
    assert refused(PACKET.replace(*change).encode()) == (rule, field)


def test_what_says_nothing_outside_of_rows_is_nothing() -> None:
    quiet = PACKET.replace("<HEAD/>", "<HEAD> <!-- x --> <USER a='1'>x</USER><?pi x?></HEAD>")
    typed = quiet.replace("<PACKET>", "<PACKET type='R' version='1'>")
    schema = typed.replace("<PACKET ", "<PACKET xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='x' ")
    assert told(everything(CODE, schema.encode())) == set()


@pytest.mark.parametrize("encoding", ["GBK", "gb2312", "GB18030"])
def test_three_names_mean_gb18030(encoding: str) -> None:
    text = PACKET.replace("UTF-8", encoding).replace("示例", "𠮷祥")
    (found,) = records(everything(CODE, text.encode("gb18030")))
    assert found["record"]["policyholder"]["name"] == "𠮷祥医药（杭州）有限公司"
    assert refused(text.encode("gb18030").replace("有限".encode("gb18030"), b"\xff\xff"))[0] == "encoding.undecodable"


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (policy_xml("<C_TEL_X/>"), {"BASE_PART/C_TEL_X"}),
        (policy_xml("<C_TEL_X>1</C_TEL_X><C_TEL_X>2</C_TEL_X>"), {"BASE_PART/C_TEL_X"}),
        (policy_xml("<C_PLY_NO/>"), {"BASE_PART/C_PLY_NO"}),
        (policy_xml("<N_DDUCT unit='x'>1</N_DDUCT>"), {"BASE_PART/N_DDUCT/@unit"}),
        (policy_xml("<N_DDUCT><V>1</V></N_DDUCT>"), {"BASE_PART/N_DDUCT"}),
        (policy_xml(rest="<FOREIGN><A/><B>1</B></FOREIGN>"), {"FOREIGN"}),
        (policy_xml("text"), {"BASE_PART"}),
        (policy_xml(rest="<CVRG_LIST><CVRG><X/></CVRG><CVRG><X/></CVRG></CVRG_LIST>"), {"CVRG_LIST/CVRG/X"}),
        (policy_xml(rest="<CVRG_LIST><OTHER/></CVRG_LIST>"), {"CVRG_LIST/OTHER"}),
        (policy_xml(rest="<APPLICANT><C_APP_NME>B</C_APP_NME></APPLICANT>"), {"APPLICANT/C_APP_NME"}),
        (policy_xml("<x:N_DDUCT xmlns:x='urn:x'>1</x:N_DDUCT>"), {"BASE_PART/N_DDUCT"}),
        (receipt_xml(C_NEW="1"), {"C_NEW"}),
    ],
)
def test_a_field_beyond_the_mapping_refuses_the_row(row: str, names: set[str]) -> None:
    found = everything(CODE, packet(row, endorsement_xml()))
    assert told(found) == {(1, "field.unaccounted", name) for name in names}
    assert [one["row"] for one in records(found)] == [2]


def test_what_is_ignored_by_name_is_nothing() -> None:
    person = "<C_TEL>1</C_TEL><C_MOBILE>2</C_MOBILE>"
    row = policy_xml("<C_OPER_NME>\u202e</C_OPER_NME>").replace("</APPLICANT>", f"{person}</APPLICANT>")
    assert "C_TEL" not in str(only(row))


def test_rows_are_counted_over_the_lists_in_document_order() -> None:
    found = records(everything(CODE, packet(receipt_xml(), policy_xml(), endorsement_xml())))
    assert [(one["row"], one["type"]) for one in found] == [
        (1, "premium_receipt"),
        (2, "policy"),
        (3, "endorsement"),
    ]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"C_PLY_NO": ""}, "field.missing policy_no"),
        ({"C_PLY_NO": None, "C_PROD_NO": "无"}, "field.missing policy_no, field.missing line"),
        ({"C_PROD_NO": "ZAC09"}, "value.unknown line"),
        (
            {"T_INSRNC_BGN_TM": None, "T_INSRNC_END_TM": "0000-00-00"},
            "field.missing period.start, field.missing period.end",
        ),
        ({"N_PRM": "1,00"}, "number.unreadable premium.gross"),
        ({"N_PRM": "-1000000"}, "sign.contradiction premium.gross"),
        ({"N_PRM": "0"}, ""),
        ({"N_AMT": "-50000000"}, "sign.contradiction limits.aggregate"),
        ({"N_TAX_PRM": "943396.23", "N_ADD_RATE": "56603.76"}, "premium.tax-mismatch premium.gross"),
        ({"N_TAX_PRM": "1060000.00"}, "sign.contradiction premium.tax"),
        ({"N_TAX_PRM": "0.001"}, "number.sub-fen premium.net"),
        ({"C_CURR_CDE": "USD"}, "currency.unsupported premium.currency"),
        ({"N_RATE": "1.6E+00"}, "number.precision-lost rate_percent"),
        ({"C_CI_MRK": "9"}, "value.unknown coinsurance"),
        ({"C_CI_MRK": "1"}, "coinsurance.shares coinsurance.share_percent"),
        ({"C_PLY_NO": "PZAC\u200b202633010000000012"}, "text.control-char policy_no"),
        ({"T_ISSUE_TM": "2026-02-30"}, "date.unreadable issued_on"),
    ],
)
def test_every_problem_of_a_policy_is_told_at_once(changed: dict[str, str | None], found: str) -> None:
    assert {f"{rule} {field}" for _, rule, field in problems(policy_xml(**changed))} == listed(found)


def test_the_third_of_gross_net_and_tax_is_computed() -> None:
    premium = {"gross": "1000000.00", "net": "943396.23", "tax": "56603.77", "currency": "CNY"}
    assert only(policy_xml(N_TAX_PRM="943396.23"))["premium"] == premium
    assert only(policy_xml(N_ADD_RATE="56603.77"))["premium"] == premium
    (row,) = everything(CODE, packet(policy_xml(N_ADD_RATE="56603.77")))
    assert row.records[0].lineage["premium.net"].source == "computed from premium.gross, premium.tax"


@pytest.mark.parametrize(
    ("kind", "code", "taken"),
    [
        ("14", "91330108ma2xx9t186", True),
        ("１４", "91330108MA2XX9T186", True),
        ("01", "33010119800101001X", False),
        ("", "x", False),
    ],
)
def test_only_a_credit_code_is_read_of_a_certificate(kind: str, code: str, taken: bool) -> None:
    part = f"<C_CERTF_CLS>{kind}</C_CERTF_CLS><C_CERTF_CDE>{code}</C_CERTF_CDE></APPLICANT>"
    holder = only(policy_xml().replace("</APPLICANT>", part))["policyholder"]
    assert holder == {"name": "示例医药（杭州）有限公司", **({"credit_code": "91330108MA2XX9T186"} if taken else {})}


def test_a_wrong_credit_code_is_told() -> None:
    part = "<C_CERTF_CLS>14</C_CERTF_CLS><C_CERTF_CDE>91330108MA2XX9T187</C_CERTF_CDE></APPLICANT>"
    row = policy_xml().replace("</APPLICANT>", part)
    assert problems(row) == {(1, "identifier.credit-code", "policyholder.credit_code")}


def test_parties_clauses_and_product_are_read() -> None:
    rest = (
        "<INSURED_LIST><INSURED><C_INSURED_NME>甲</C_INSURED_NME></INSURED><INSURED><C_INSURED_NME>乙</C_INSURED_NME>"
        "<C_ROLE>2</C_ROLE><C_TEL>1</C_TEL></INSURED><INSURED/></INSURED_LIST>"
        "<CVRG_LIST><CVRG><C_REG_NO>C00009930922025061000011</C_REG_NO></CVRG></CVRG_LIST>"
        "<OBJ_LIST><OBJ><C_APPROVE_NO>国械注准20243131618</C_APPROVE_NO><C_REG_CLS>第三类医疗器械</C_REG_CLS>"
        "<C_HOLDER_NME>丙</C_HOLDER_NME><C_DRUG_CDE>86901110000020</C_DRUG_CDE></OBJ></OBJ_LIST>"
    )
    record = only(policy_xml(rest=rest))
    assert record["insured"] == [{"name": "甲", "role": "insured"}, {"name": "乙", "role": "additional"}]
    assert record["clauses"] == [{"registration_no": "C00009930922025061000011", "kind": "rider"}]
    assert record["product"] == {
        "kind": "device",
        "approval_no": "国械注准20243131618",
        "registration_class": "第三类医疗器械",
        "class_group": "device",
        "holder": {"name": "丙"},
        "drug_code": "86901110000020",
    }


def test_several_products_are_not_one() -> None:
    rest = "<OBJ_LIST><OBJ><C_DRUG_NME>甲</C_DRUG_NME></OBJ><OBJ><C_DRUG_NME>乙</C_DRUG_NME></OBJ></OBJ_LIST>"
    assert problems(policy_xml(rest=rest)) == {(1, "product.several", "product")}


def coinsurers(*shares: tuple[str, str]) -> str:
    entries = (
        f"<CI><C_CI_COM>公司{number}</C_CI_COM><N_CI_SHARE>{share}</N_CI_SHARE><C_LEAD_MRK>{lead}</C_LEAD_MRK></CI>"
        for number, (share, lead) in enumerate(shares)
    )
    return f"<CI_LIST>{''.join(entries)}</CI_LIST>"


@pytest.mark.parametrize(
    ("shares", "written"),
    [
        ((("60%", "1"), ("40%", "0")), ["60", "40"]),
        ((("60", "1"), ("40.00", "0")), ["60", "40"]),
        ((("0.6", "1"), ("0.4", "0")), ["60", "40"]),
        ((("33.33", "0"), ("33.33", "0"), ("33.34", "1")), ["33.33", "33.33", "33.34"]),
        ((("0.3333", "0"), ("0.6667", "1")), ["33.33", "66.67"]),
    ],
)
def test_shares_are_percentages(shares: tuple[tuple[str, str], ...], written: list[str]) -> None:
    record = only(policy_xml(rest=coinsurers(*shares), C_CI_MRK="2"))
    assert [one["share_percent"] for one in record["coinsurance"]] == written  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("shares", "flag", "found"),
    [
        ((("33.33", "1"), ("33.33", "0"), ("33.33", "0")), "3", "coinsurance.shares"),
        ((("60%", "1"), ("40", "0")), "3", "coinsurance.shares"),
        ((("1%", "1"),), "3", "coinsurance.shares"),
        ((("60", "1"), ("", "0")), "3", "coinsurance.shares"),
        ((("150", "1"), ("-50", "0")), "3", "coinsurance.shares"),
        ((("60", "1"), ("40", "0")), "0", "coinsurance.shares"),
        ((("60", "0"), ("40", "0")), "3", "coinsurance.lead"),
        ((("60", "1"), ("40", "1")), "", "coinsurance.lead"),
        ((("60", "1"), ("40", "")), "3", "coinsurance.lead"),
        ((("60", "1"), ("40", "x")), "3", "value.unknown"),
        ((("60", "1"), ("x", "0")), "3", "number.unreadable"),
        ((("50", "0"), ("40", "0")), "3", "coinsurance.lead, coinsurance.shares"),
    ],
)
def test_shares_that_are_not_the_whole_are_refused(shares: tuple[tuple[str, str], ...], flag: str, found: str) -> None:
    assert {rule for _, rule, _ in problems(policy_xml(rest=coinsurers(*shares), C_CI_MRK=flag))} == listed(found)


def pays(*entries: dict[str, str]) -> str:
    inner = "".join("<PAY>" + "".join(f"<{n}>{t}</{n}>" for n, t in one.items()) + "</PAY>" for one in entries)
    return f"<PAY_LIST>{inner}</PAY_LIST>"


def test_instalments_and_what_was_paid_of_them() -> None:
    rest = pays(
        {
            "N_TMS": "1",
            "T_PAY_TM": "2026-03-01",
            "N_GET_PRM": "600000",
            "N_GOT_PRM": "600000",
            "T_GOT_TM": "2026-03-02",
        },
        {"N_TMS": "2", "T_PAY_TM": "2026-09-01", "N_GET_PRM": "400000", "N_GOT_PRM": "0", "T_GOT_TM": "not read"},
        {"N_TMS": "not read"},
    )
    found = records(everything(CODE, packet(policy_xml(rest=rest))))
    assert found[0]["record"]["instalments"] == [
        {"no": 1, "due_on": "2026-03-01", "amount": "600000.00"},
        {"no": 2, "due_on": "2026-09-01", "amount": "400000.00"},
    ]
    assert [one["record"] for one in found[1:]] == [
        {"policy_no": POLICY_NO, "amount": "600000.00", "instalment_no": 1, "received_on": "2026-03-02"}
    ]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"N_GET_PRM": "999999.99"}, "instalments.total-mismatch instalments.amount"),
        (
            {"N_GET_PRM": "-1000000"},
            "instalments.total-mismatch instalments.amount, sign.contradiction instalments.amount",
        ),
        ({"N_GET_PRM": "x"}, "number.unreadable instalments.amount"),
        ({"N_TMS": "1.5", "N_GET_PRM": "1000000"}, "number.unreadable instalments.no"),
        ({"T_PAY_TM": "x"}, "date.unreadable instalments.due_on"),
        ({"N_GOT_PRM": "1000000"}, "field.missing received_on"),
        ({"N_GOT_PRM": "-1", "T_GOT_TM": "x"}, "sign.contradiction amount"),
        ({"N_GOT_PRM": "x", "T_GOT_TM": "x"}, "number.unreadable amount"),
        ({"N_GOT_PRM": "1", "T_GOT_TM": "2026-03-01", "C_INV_NO": "1"}, "identifier.invoice-no invoice_nos"),
    ],
)
def test_what_is_wrong_with_an_instalment_is_told(entry: dict[str, str], found: str) -> None:
    assert {f"{rule} {field}" for _, rule, field in problems(policy_xml(rest=pays(entry)))} == listed(found)


def test_a_receipt_and_a_refund_are_told_apart_by_sign() -> None:
    receipt = only(receipt_xml(C_FULL_MRK="0", C_PAY_MODE="5", N_TMS="2", C_REASON="not carried", C_ACCT="62"))
    assert receipt == {
        "policy_no": POLICY_NO,
        "amount": "800000.00",
        "receipt_no": "SK2026022600001",
        "instalment_no": 2,
        "received_on": "2026-02-26",
        "payer": {"name": "示例医药（杭州）有限公司"},
        "method": "online",
        "paid_in_full": False,
    }
    refund = only(receipt_xml(N_AMT="（800000.00）", C_PAY_MODE="not carried", N_TMS="x", C_REASON="减少"))
    assert refund["amount"] == "800000.00"
    assert refund["reason"] == "减少"
    assert "receipt_no" not in refund


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"N_AMT": "0"}, "sign.contradiction amount"),
        ({"N_AMT": ""}, "field.missing amount"),
        (
            {"N_AMT": "x", "C_PAY_MODE": "9", "C_PLY_NO": "x"},
            "number.unreadable amount, identifier.policy-no policy_no",
        ),
        ({"C_RCPT_NO": None, "C_PAYER_NME": "-"}, "field.missing receipt_no, field.missing payer.name"),
        (
            {"N_AMT": "-1", "C_RCPT_NO": "x", "C_PAYER_NME": None},
            "identifier.receipt-no refund_no, field.missing payee.name",
        ),
        ({"C_PAY_MODE": "9", "C_FULL_MRK": "Y"}, "value.unknown method, value.unknown paid_in_full"),
    ],
)
def test_what_is_wrong_with_a_receipt_is_told(changed: dict[str, str | None], found: str) -> None:
    assert {f"{rule} {field}" for _, rule, field in problems(receipt_xml(**changed))} == listed(found)


def test_a_receipt_and_a_refund_of_one_number_are_two() -> None:
    assert problems(receipt_xml(), receipt_xml(N_AMT="-1")) == set()
    assert problems(receipt_xml(), receipt_xml(C_RCPT_NO="ｓｋ2026022600001")) == {(2, "row.duplicate", "receipt_no")}
    assert problems(receipt_xml(N_AMT="-1"), receipt_xml(N_AMT="-2")) == {
        (1, "row.conflict", "refund_no"),
        (2, "row.conflict", "refund_no"),
    }


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"C_EDR_TYP": "1", "N_PRM_VAR": "5000"}, ""),
        ({"C_EDR_TYP": "1"}, "sign.contradiction premium_change.gross"),
        ({"C_EDR_TYP": "1", "N_PRM_VAR": "0"}, "sign.contradiction premium_change.gross"),
        ({"C_EDR_TYP": "1", "N_PRM_VAR": None}, ""),
        ({"C_EDR_TYP": "2", "N_PRM_VAR": "5000"}, "sign.contradiction premium_change.gross"),
        ({"C_EDR_TYP": "2", "N_TAX_PRM_VAR": "-100000", "N_ADD_RATE_VAR": "0"}, ""),
        ({"C_EDR_TYP": "2", "N_TAX_PRM_VAR": "-100001"}, "sign.contradiction premium_change.tax"),
        ({"C_EDR_TYP": "3"}, ""),
        ({"C_EDR_TYP": "4", "N_PRM_VAR": "5000"}, ""),
        ({"C_EDR_TYP": "5", "T_ISSUE_TM": "not read"}, ""),
        ({"C_EDR_TYP": "6", "N_PRM_VAR": "1"}, "sign.contradiction return_premium.gross"),
        ({"C_EDR_TYP": "6", "N_PRM_VAR": "0"}, ""),
        (
            {"C_EDR_TYP": "7", "N_PRM_VAR": "x", "T_EDR_BGN_TM": "x"},
            "value.unknown kind, date.unreadable effective_on",
        ),
        ({"C_EDR_TYP": None}, "field.missing kind"),
        ({"C_EDR_NO": None, "T_EDR_BGN_TM": None}, "field.missing endorsement_no, field.missing effective_on"),
        ({"N_TAX_PRM_VAR": "-94339.62", "N_ADD_RATE_VAR": "-5660.37"}, "premium.tax-mismatch premium_change.gross"),
    ],
)
def test_an_endorsement_fits_its_kind(changed: dict[str, str | None], found: str) -> None:
    assert {f"{rule} {field}" for _, rule, field in problems(endorsement_xml(**changed))} == listed(found)


def test_a_cancellation_states_magnitudes() -> None:
    row = endorsement_xml(C_EDR_TYP="6", N_TAX_PRM_VAR="-94339.62", C_REASON="退保")
    record = only(row)
    assert record["return_premium"] == {"gross": "100000.00", "net": "94339.62", "tax": "5660.38"}
    assert record["kind"] == "mid_term"
    assert record["reason"] == "退保"


def test_gross_of_a_change_is_computed_where_it_is_not_stated() -> None:
    record = only(endorsement_xml(N_PRM_VAR=None, N_TAX_PRM_VAR="-94339.62", N_ADD_RATE_VAR="-5660.38"))
    assert record["premium_change"] == {"gross": "-100000.00", "net": "-94339.62", "tax": "-5660.38"}
