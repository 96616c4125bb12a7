"""One record, written in each tree format in any of its ways, is read back; a changed file is never read as another."""

import json
import random
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_round_trip import Record, Writer, credit_codes, policies, values, yuan
from test_words import in_words
from translated import everything, records, told
from trees_made import ACORD, archive, envelope, xml

from tests.shared import shared

_POLICY_NO = st.from_regex(r"[A-Z][0-9A-Z-]{12,24}", fullmatch=True)
_NAMES = st.sampled_from(["示例医药（杭州）有限公司", "𠮷祥药业有限公司", 'A&B <制药> "甲",乙'])
_INVOICE_NO = st.from_regex(r"[0-9]{20}", fullmatch=True)
_DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31)).map(date.isoformat)
_CODES = {
    "product_liability": ("ZAC", "PL", "PRODS"),
    "drug_liability": ("ZAD", "DL", "DRUGL"),
    "device_liability": ("ZAE", "ML", "MEDDV"),
    "clinical_trial_liability": ("ZAF", "CT", "CLTRL"),
}


def literal(writer: Writer, text: str) -> Any:
    """An amount as text in any of its ways, or as a JSON number."""
    return int(text[:-3]) if text.endswith(".00") and writer.chance.random() < 0.3 else writer.money(text)


def epoch(writer: Writer, day: str) -> Any:
    """A day as text in any of its ways, or as milliseconds."""
    if writer.chance.random() < 0.7:
        return writer.day(day)
    return ((date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400 - 8 * 3600) * 1000 + writer.chance.randrange(
        86_400_000
    )


def as_extract(record: Record, writer: Writer) -> bytes:
    chance, premium, product = writer.chance, record["premium"], record.get("product", {})
    start, end = record["period"]["start"], record["period"]["end"]
    exclusive = chance.random() < 0.5
    main = {
        "policyNo": writer.identifier(record["policy_no"]),
        "riskCode": _CODES[record["line"]][0],
        "startDate": epoch(writer, start),
        "startHour": chance.choice([0, "0", None]),
        "endDate": epoch(writer, _plus(end, 1) if exclusive else end),
        "endHour": 0 if exclusive else chance.choice([24, "24", None]),
        "sumAmount": literal(writer, record["limits"]["aggregate"]),
        "sumPremium": literal(writer, premium["gross"]),
        "currency": chance.choice(["CNY", "156", None]),
        "coinsFlag": "1" if "coinsurance" in record else "0",
        "underWriteEndDate": epoch(writer, record["issued_on"]),
        "appliName": record["policyholder"]["name"],
        "appliCode": writer.identifier(record["policyholder"]["credit_code"]),
        "comCode": "not taken",
    }
    plan = {
        "payNo": 1,
        "payReason": "R10",
        "planDate": epoch(writer, start),
        "planFee": literal(writer, premium["gross"]),
    }
    plan |= {"netPremium": literal(writer, premium["net"]), "taxPremium": literal(writer, premium["tax"])}
    percent = record["rate_percent"]
    rate = chance.choice(
        [(percent, "%"), (f"{percent}%", None), (shifted(percent, 1), "‰"), (shifted(percent, -2), None)]
    )
    shares = [
        {"coinsCode": one["insurer"], "coinsRate": one["share_percent"], "chiefFlag": str(+one["lead"])}
        for one in record.get("coinsurance", [])
    ]
    drug = {
        "drugName": product.get("generic_name"),
        "approvalNo": product.get("approval_no"),
        "regClass": product.get("registration_class"),
    }
    tables = {
        "prpCmain": main,
        "prpCplan": [plan],
        "prpCitemKind": [{"clauseCode": "C00009930912025061000011", "rate": rate[0], "rateUnit": rate[1]}],
        "prpCitemDrug": chance.choice([drug, [drug]]),
        "prpCcoins": shares,
        "prpPhead": chance.choice([[], None]),
    }
    return json.dumps(chance.choice([tables, [tables]]), ensure_ascii=False).encode()


def _plus(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def shifted(percent: str, places: int) -> str:
    """The decimal text times ten to `places`."""
    whole, _, part = percent.partition(".")
    number = int(whole + part) * 10 ** (places + 4)
    text = f"{number:0{len(part) + 5}d}"
    at = len(text) - len(part) - 4
    return f"{text[:at]}.{text[at:]}".rstrip("0").rstrip(".")


def extracted(record: Record) -> Record:
    """What the extract says beyond the record: its clause and its one instalment."""
    instalment = {"no": 1, "due_on": record["period"]["start"], "amount": record["premium"]["gross"]}
    clause = {"registration_no": "C00009930912025061000011", "kind": "main"}
    return {**record, "clauses": [clause], "instalments": [instalment]}


def as_soap(record: Record, writer: Writer) -> bytes:
    chance, product = writer.chance, record.get("product", {})
    name, unit = chance.choice([("YUAN", "元"), ("WAN", "万元")])
    percent = record["rate_percent"]
    rate = chance.choice(
        [{"@unit": "%", "": percent}, {"@unit": "‰", "": shifted(percent, 1)}, {"@unit": "1", "": shifted(percent, -2)}]
    )
    body = {
        "Policy": {
            "PolicyNo": writer.identifier(record["policy_no"]),
            "ProductCode": _CODES[record["line"]][1],
            "SignDate": writer.day(record["issued_on"]),
            "StartTime": record["period"]["start"].replace("-", "") + chance.choice(["", "000000"]),
            "EndTime": record["period"]["end"].replace("-", "") + chance.choice(["", "240000", "235959"]),
            "SumInsured": writer.money(record["limits"]["aggregate"], unit),
            "Premium": writer.money(record["premium"]["gross"], unit),
            "PremiumNoTax": writer.money(record["premium"]["net"], unit),
            "Tax": writer.money(record["premium"]["tax"], unit),
            "Rate": chance.choice([rate, shifted(percent, -2)]),
        },
        "PolicyHolder": {
            "Name": record["policyholder"]["name"],
            "IdType": "71",
            "IdNo": writer.identifier(record["policyholder"]["credit_code"]),
        },
        "Product": {
            "GenericName": product.get("generic_name", ""),
            "ApprovalNo": product.get("approval_no", "/"),
            "Class": product.get("registration_class", ""),
        },
        "CoinsList": {
            "Coins": [
                {"Company": one["insurer"], "Share": one["share_percent"], "Lead": "Y" if one["lead"] else "N"}
                for one in record.get("coinsurance", [])
            ]
        },
    }
    return envelope(xml({"Packet": {"Head": {"RequestType": "10", "AmountUnit": name}, "Body": body}}))


def as_acord(record: Record, writer: Writer) -> bytes:
    percent = record["rate_percent"]
    term = {"EffectiveDt": record["period"]["start"], "ExpirationDt": _plus(record["period"]["end"], 1)}
    at = writer.chance.choice(["", "T00:00:00", "T00:01:00", "T00:01:00+08:00"])
    tax = {"TaxIdTypeCd": "USCC", "TaxId": writer.identifier(record["policyholder"]["credit_code"])}
    name = {"CommlName": {"CommercialName": record["policyholder"]["name"]}, "TaxIdentity": tax}
    request = {
        "InsuredOrPrincipal": {
            "GeneralPartyInfo": {"NameInfo": name},
            "InsuredOrPrincipalInfo": {"InsuredOrPrincipalRoleCd": writer.chance.choice(["FNI", "Insured"])},
        },
        "CommlPolicy": {
            "PolicyNumber": writer.identifier(record["policy_no"]),
            "IssueDt": writer.day(record["issued_on"]),
            "ContractTerm": {name: day + at for name, day in term.items()},
            "CurrentTermAmt": {"Amt": writer.money(record["premium"]["gross"])},
            "com.insurerz_VATAmt": {"Amt": writer.money(record["premium"]["tax"])},
        },
        "GeneralLiabilityLineBusiness": {
            "LiabilityInfo": {
                "CommlCoverage": {
                    "CoverageCd": _CODES[record["line"]][2],
                    "Limit": {
                        "FormatInteger": record["limits"]["aggregate"].removesuffix(".00"),
                        "LimitAppliesToCd": "Aggregate",
                    },
                    "Rate": writer.chance.choice([percent, shifted(percent, -2), shifted(percent, 1)]),
                }
            }
        },
    }
    kind = writer.chance.choice(["CommlPkgPolicyAddRq", "GeneralLiabilityPolicyAddRq"])
    return f'<ACORD xmlns="{ACORD}">{xml({"InsuranceSvcRq": {kind: request}})}</ACORD>'.encode()


def without(record: Record, *names: str) -> Record:
    """What a format cannot say, left out."""
    return {name: value for name, value in record.items() if name not in names}


@settings(max_examples=60, deadline=None)
@given(record=policies(), seed=st.integers(0, 2**32))
def test_a_policy_written_in_a_dialect_is_read_back(record: Record, seed: int) -> None:
    for code, data, wanted in (
        ("DIA-PRPC-JSON", as_extract(record, Writer(seed)), extracted(record)),
        ("DIA-SOAP-XML", as_soap(record, Writer(seed)), record),
        ("DIA-ACORD-XML", as_acord(record, Writer(seed)), without(record, "product", "coinsurance")),
    ):
        rows = everything(code, data)
        assert told(rows) == set(), code
        assert records(rows) == [{"row": 1, "type": "policy", "record": wanted}]


@st.composite
def invoices(draw: st.DrawFn) -> Record:
    """A blue or a red invoice of one to three lines at 6 %."""
    red = draw(st.booleans())
    fen = draw(st.integers(100, 10**12))
    net, tax = fen, (fen * 6 + 50) // 100
    sign = "-" if red else ""
    record: Record = {
        "invoice_no": draw(_INVOICE_NO),
        "issued_on": draw(_DAYS),
        "seller": {"name": draw(_NAMES), "credit_code": draw(credit_codes())},
        "buyer": {"name": draw(_NAMES)},
        "net": sign + yuan(net),
        "tax": sign + yuan(tax),
        "gross": sign + yuan(net + tax),
    }
    if red:
        record["red_letter_of"] = draw(_INVOICE_NO)
    else:
        record["policy_nos"] = draw(st.lists(_POLICY_NO, min_size=1, max_size=3, unique=True))
    return record


def as_invoice(record: Record, writer: Writer) -> str:
    red = "red_letter_of" in record
    gross = int(record["gross"].replace(".", "").lstrip("-"))
    said = writer.chance.choice(["负", "（负数）", ""]) if red else ""
    remark = f"保单号：{writer.chance.choice('、,;/').join(record.get('policy_nos', []))} 谢谢"
    special: Record = {"RedEInvoice": {"OriginalInvoiceCode": record.get("red_letter_of")}}
    if red and writer.chance.random() < 0.5:
        remark, special = f"被红冲蓝字数电票号码: {record['red_letter_of']} 谢谢", {}
    line = {"Amount": record["net"], "TaxRate": writer.chance.choice(["0.06", "6%", "６％"]), "ComTaxAm": record["tax"]}
    tree = {
        "Header": {"InherentLabel": {"InIssuType": {"LabelCode": "N" if red else "Y"}}},
        "EInvoiceData": {
            "SellerInformation": {
                "SellerName": record["seller"]["name"],
                "SellerIdNum": writer.identifier(record["seller"]["credit_code"]),
            },
            "BuyerInformation": {"BuyerName": record["buyer"]["name"], "BuyerIdNum": writer.chance.choice(["", "无"])},
            "BasicInformation": {
                "TotalAmWithoutTax": record["net"],
                "TotalTaxAm": record["tax"],
                "TotalTax-includedAmount": record["gross"],
                "TotalTax-includedAmountInChinese": said + in_words(gross),
            },
            "IssuItemInformation": [line],
            "SpecificInformation": special,
            "AdditionalInformation": {"Remark": remark},
        },
        "TaxSupervisionInfo": {
            "InvoiceNumber": writer.wide(record["invoice_no"]),
            "IssueTime": record["issued_on"] + writer.chance.choice(["", " 08:00:00"]),
        },
    }
    return xml({"EInvoice": tree})


@settings(max_examples=60, deadline=None)
@given(
    several=st.lists(invoices(), min_size=1, max_size=3, unique_by=lambda one: one["invoice_no"]),
    seed=st.integers(0, 2**32),
)
def test_invoices_are_read_back_in_one_file_and_in_a_zip(several: list[Record], seed: int) -> None:
    writer = Writer(seed)
    texts = [as_invoice(record, writer) for record in several]
    wanted = [{"row": row, "type": "invoice", "record": record} for row, record in enumerate(several, 1)]
    entries = {f"{number}.xml": text.encode() for number, text in enumerate(texts)}
    for data in (f"<EInvoices>{''.join(texts)}</EInvoices>".encode(), archive(entries)):
        rows = everything("DIA-EINV-XML", data)
        assert told(rows) == set()
        assert records(rows) == wanted


@settings(max_examples=60, deadline=None)
@given(
    fen=st.integers(1, 10**14),
    policy_no=_POLICY_NO,
    name=_NAMES,
    day=_DAYS,
    refund=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_confirmation_is_read_back(fen: int, policy_no: str, name: str, day: str, refund: bool, seed: int) -> None:
    writer = Writer(seed)
    sign = writer.chance.choice(["", "负"]) if refund else ""
    message = {
        "保单号": writer.identifier(policy_no),
        "收付流水号": writer.identifier("SK-1234"),
        "缴费方名称": name,
        "收款金额": sign + writer.chance.choice(["", "人民币"]) + in_words(fen),
        "收款金额小写": literal(writer, yuan(fen)),
        "到账时间": writer.day(day),
        "收款原因": writer.chance.choice(["P10", "退费"] if refund else ["R20", "续期"]),
    }
    rows = everything("DIA-RECEIPT-JSON", json.dumps({"head": {}, "data": message}, ensure_ascii=False).encode())
    number, on, who = ("refund_no", "paid_on", "payee") if refund else ("receipt_no", "received_on", "payer")
    assert told(rows) == set()
    assert rows[0].records[0].record == {
        "policy_no": policy_no,
        number: "SK-1234",
        "amount": yuan(fen),
        on: day,
        who: {"name": name},
    }


SAMPLES = shared("domain/samples")
TREES = ("DIA-EINV-XML", "DIA-PRPC-JSON", "DIA-SOAP-XML", "DIA-RECEIPT-JSON", "DIA-ACORD-XML")
FILES = [
    path
    for code in TREES
    for path in sorted((SAMPLES / code).iterdir())
    if ".expected." not in path.name and path.suffix in (".xml", ".json")
]


def mutated(text: str, is_json: bool, chance: random.Random) -> bytes:
    """The file with one name added, renamed, dropped, doubled or of another type, or in another encoding."""
    way = chance.choice(["add", "rename", "drop", "double", "retype", "encode"])
    if way == "encode":
        return text.encode(chance.choice(["gb18030", "utf-16"]))
    if is_json:
        return json.dumps(_json(json.loads(text), way, chance), ensure_ascii=False).encode()
    found = chance.choice(list(re.finditer(r"(<|&lt;)([\w.:-]+)(>|&gt;)[^<&]*\1/\2\3", text)))
    old, (start, name, end) = found[0], found.groups()
    inner = old[len(start + name + end) : -len(f"{start}/{name}{end}")]
    new = {
        "add": f"{old}{start}{name}New{end}1{start}/{name}New{end}",
        "rename": f"{start}{name}_{end}{inner}{start}/{name}_{end}",
        "drop": "",
        "double": old + old,
        "retype": f"{start}{name}{end}{start}x{end}{inner}{start}/x{end}{start}/{name}{end}",
    }[way]
    return (text[: found.start()] + new + text[found.end() :]).encode()


def _json(value: Any, way: str, chance: random.Random) -> Any:
    where = [value]
    for found in where:
        where += [
            item for item in (found.values() if isinstance(found, dict) else found) if isinstance(item, dict | list)
        ]
    target = chance.choice([found for found in where if isinstance(found, dict) and found])
    name = chance.choice(sorted(target))
    item = target.pop(name)
    if way != "drop":
        target[f"{name}_" if way == "rename" else name] = item
    if way == "add":
        target["new_member"] = "1"
    if way == "double":
        target[name] = [item, item]
    if way == "retype":
        target[name] = chance.choice([True, {"a": item}, [item], [item, item]])
    return value


def counted(rows: list[Any], among: list[Any] | None = None) -> set[tuple[str, str]]:
    """Path and value of everything that came out; places in lists do not count."""
    return {(re.sub(r"\.\d+\.", ".*.", at), value) for at, value in values(rows, among)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_changed_format_is_never_read_as_other_values(path: Path, seed: int) -> None:
    code, text = path.parent.name, path.read_text(encoding="utf-8")
    sent = everything(code, text.encode())
    original = counted(sent)
    chance = random.Random(seed)
    changed = mutated(text, path.suffix == ".json", chance)
    other = counted(everything(code, changed), among=sent) - original
    # What is dropped may be missing, and with it what followed from it; nothing may say something else.
    assert other <= FOLLOWS


# A co-insurer without a code goes by its name; a last day without an hour counts whole, as the format has it.
FOLLOWS = {(".coinsurance.*.insurer", json.dumps("甲财险")), (".period.end", '"2027-04-01"')}
