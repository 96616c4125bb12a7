"""One record, written in each dialect in any of its ways, is read back; a changed file is never read as another."""

import json
import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translated import everything, message, records, told

from adapters import Row, dates
from adapters.insurers import MAPPINGS
from schemas.identifiers import credit_check_character
from tests.shared import shared

Record = dict[str, Any]
_NAMES = st.sampled_from(["示例医药（杭州）有限公司", "𠮷祥药业有限公司", 'A&B <制药> "甲",乙', "O'Neil 制药"])
_POLICY_NO = st.from_regex(r"[A-Z][0-9A-Z-]{12,24}", fullmatch=True)
_LINES = {
    "product_liability": ("ZAC00", "产品责任保险"),
    "drug_liability": ("ZAC01", "药品责任险"),
    "device_liability": ("ZAC02", "医疗器械责任保险"),
    "clinical_trial_liability": ("ZAC03", "药物临床试验责任保险"),
}


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    first = draw(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
    return first + credit_check_character(first)


@st.composite
def policies(draw: st.DrawFn) -> Record:
    """A policy that all three dialects can say, whose rate gives its premium."""
    start = draw(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
    end = dates.anniversary(start, draw(st.integers(1, 3))) - timedelta(days=1)
    wan, tenths = draw(st.integers(1, 99_999)), draw(st.integers(1, 99))
    fen = wan * 1000 * tenths  # the limit in 万元 times tenths of a percent
    net = fen * 100 // 106
    record: Record = {
        "policy_no": draw(_POLICY_NO),
        "policyholder": {"name": draw(_NAMES), "credit_code": draw(credit_codes())},
        "line": draw(st.sampled_from(sorted(_LINES))),
        "issued_on": draw(st.dates(date(2020, 1, 1), date(2030, 12, 31))).isoformat(),
        "period": {"start": start.isoformat(), "end": end.isoformat()},
        "limits": {"aggregate": yuan(wan * 10**6)},
        "rate_percent": f"{tenths / 10:g}",
        "rate_base": {"kind": "aggregate_limit", "amount": yuan(wan * 10**6)},
        "premium": {"gross": yuan(fen), "net": yuan(net), "tax": yuan(fen - net), "currency": "CNY"},
    }
    if draw(st.booleans()):
        record["product"] = {
            "kind": "drug",
            "generic_name": "示例替尼片",
            "approval_no": "国药准字H20230999",
            "registration_class": "化药2.2类＋2.4类",
            "class_group": "chemical",
            "class_codes": ["2.2", "2.4"],
        }
    if draw(st.booleans()):
        share = draw(st.integers(1, 9999))
        record["coinsurance"] = [
            {"insurer": "X", "share_percent": f"{share / 100:g}", "lead": True},
            {"insurer": "丙财险", "share_percent": f"{(10000 - share) / 100:g}", "lead": False},
        ]
    return record


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


class Writer:
    """Writes values in one of the ways that DIALECTS 0.2 to 0.6 allow, chosen by a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def money(self, amount: str, unit: str = "元") -> str:
        fen = int(amount.replace(".", ""))
        whole, part = divmod(fen, {"元": 100, "万元": 10**6}[unit])
        places = {"元": 2, "万元": 6}[unit]
        digits = f"{whole:,}" if self.chance.random() < 0.5 else str(whole)
        text = f"{digits}.{part:0{places}d}" if part or self.chance.random() < 0.5 else digits
        return self.wide(self.chance.choice(["{}", "¥{}", "+{}", "{} " + unit, "CNY {}"]).format(text))

    def day(self, iso: str) -> str:
        year, month, of_month = map(int, iso.split("-"))
        forms = [
            f"{year}-{month}-{of_month}",
            f"{year}/{month:02}/{of_month:02}",
            f"{year}年{month}月{of_month}日",
            f"{year}{month:02}{of_month:02}",
            f"{year}.{month}.{of_month}",
        ]
        return self.wide(self.chance.choice(forms))

    def wide(self, text: str) -> str:
        """Full-width letters and white space around, sometimes."""
        if self.chance.random() < 0.2:
            text = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)
        return self.chance.choice(["{}", " {}", "{}\u3000", "\u00a0{} "]).format(text)

    def identifier(self, text: str) -> str:
        return self.wide(text.lower() if self.chance.random() < 0.5 else text)


def as_list(record: Record, writer: Writer) -> bytes:
    unit = writer.chance.choice(["元", "万元"])
    coinsurance = record.get("coinsurance", [])
    product = record.get("product", {})
    cells = {
        "保单号": writer.identifier(record["policy_no"]),
        "投保人": record["policyholder"]["name"],
        "统一社会信用代码": writer.identifier(record["policyholder"]["credit_code"]),
        "险种": _LINES[record["line"]][1],
        "签单日期": writer.day(record["issued_on"]),
        "起保日期": writer.day(record["period"]["start"]),
        "终保日期": writer.day(record["period"]["end"]),
        f"累计责任限额（{unit}）": writer.money(record["limits"]["aggregate"], unit),
        "费率": record["rate_percent"] + writer.chance.choice(["%", " ％"]),
        f"保费({unit})": writer.money(record["premium"]["gross"], unit),
        "不含税保费（元）": writer.money(record["premium"]["net"]),
        "增值税（元）": writer.money(record["premium"]["tax"]),
        "产品名称": product.get("generic_name", "/"),
        "批准文号": product.get("approval_no", ""),
        "注册分类": product.get("registration_class", "无"),
        # A bare 1 is the whole in this dialect: 1 % is written with its sign.
        "共保比例": f"{coinsurance[0]['share_percent']}%" if coinsurance else "1",
        "备注": f"主承保；从共：丙财险{coinsurance[1]['share_percent']}%" if coinsurance else "",
    }
    names = list(cells)
    writer.chance.shuffle(names)
    lines = [",".join(names), ",".join(quoted(cells[name]) for name in names)]
    text = writer.chance.choice(["\r\n", "\n"]).join(lines)
    return text.encode("gb18030") if writer.chance.random() < 0.5 else b"\xef\xbb\xbf" + text.encode()


def quoted(text: str) -> str:
    return f'"{text.replace(chr(34), chr(34) * 2)}"'


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_packet(record: Record, writer: Writer) -> bytes:
    base = {
        "C_PLY_NO": writer.identifier(record["policy_no"]),
        "C_PROD_NO": _LINES[record["line"]][0],
        "T_ISSUE_TM": writer.day(record["issued_on"]) + " 10:12:33",
        "T_INSRNC_BGN_TM": writer.day(record["period"]["start"]),
        "T_INSRNC_END_TM": writer.day(record["period"]["end"]),
        "N_AMT": writer.money(record["limits"]["aggregate"]),
        "N_PRM": writer.money(record["premium"]["gross"]),
        "N_TAX_PRM": writer.money(record["premium"]["net"]),
        "N_RATE": record["rate_percent"] + writer.chance.choice(["", "%", "％"]),
        "C_CI_MRK": "1" if "coinsurance" in record else "0",
    }
    product = record.get("product", {})
    parts = {
        "BASE_PART": base,
        "APPLICANT": {
            "C_APP_NME": record["policyholder"]["name"],
            "C_CERTF_CLS": "14",
            "C_CERTF_CDE": writer.identifier(record["policyholder"]["credit_code"]),
        },
        "OBJ_LIST/OBJ": {
            "C_DRUG_NME": product.get("generic_name", ""),
            "C_APPROVE_NO": product.get("approval_no", "-").replace("国药准字", ""),
            "C_REG_CLS": product.get("registration_class", ""),
        },
    }
    body = "".join(element(place, fields) for place, fields in parts.items())
    shares = "".join(
        element("CI", {"C_CI_COM": one["insurer"], "N_CI_SHARE": one["share_percent"], "C_LEAD_MRK": str(+one["lead"])})
        for one in record.get("coinsurance", [])
    )
    text = (
        f'<?xml version="1.0" encoding="GBK"?><PACKET><BODY><POLICY_LIST><POLICY_DATA>{body}<CI_LIST>{shares}</CI_LIST>'
        "</POLICY_DATA></POLICY_LIST></BODY></PACKET>"
    )
    return text.encode("gb18030")


def element(place: str, fields: dict[str, str]) -> str:
    inner = "".join(f"<{name}>{escaped(text)}</{name}>" for name, text in fields.items())
    for name in reversed(place.split("/")):
        inner = f"<{name}>{inner}</{name}>"
    return inner


def as_message(record: Record, writer: Writer) -> bytes:
    sent = {**record, "policy_no": writer.identifier(record["policy_no"])}
    return message("policy", sent, insurer="X")


WRITTEN = {"DIA-CSV-LIST": as_list, "DIA-CHANNEL-XML": as_packet, "DIA-CANON-JSON": as_message}


@pytest.mark.parametrize("code", WRITTEN)
@settings(max_examples=60, deadline=None)
@given(record=policies(), seed=st.integers(0, 2**32))
def test_a_record_written_in_a_dialect_is_read_back(code: str, record: Record, seed: int) -> None:
    rows = everything(code, WRITTEN[code](record, Writer(seed)), insurer="X")
    assert told(rows) == set()
    assert records(rows) == [{"row": rows[0].row, "type": "policy", "record": record}]


SAMPLES = shared("domain/samples")
FILES = [
    path
    for code in WRITTEN
    for path in sorted((SAMPLES / code).iterdir())
    if ".expected." not in path.name and "refused" not in path.name and "unknown" not in path.name
]


def leaves(record: Any, path: str = "") -> dict[str, Any]:
    if isinstance(record, dict):
        return {at: leaf for name, item in record.items() for at, leaf in leaves(item, f"{path}.{name}").items()}
    if isinstance(record, list):
        return {at: leaf for index, item in enumerate(record) for at, leaf in leaves(item, f"{path}.{index}").items()}
    return {path: record}


def values(rows: list[Row], among: list[Row] | None = None) -> set[tuple[str, str]]:
    """Path and value of everything that came out, of those rows that give records in `among` too."""
    counted = {row.row for row in among or rows if row.records}
    return {
        (at, json.dumps(leaf))
        for row in rows
        if row.row in counted
        for draft in row.records
        for at, leaf in leaves(draft.record).items()
    }


def mutated(data: bytes, code: str, chance: random.Random) -> bytes:
    """The file with one name added, renamed or dropped, or in another encoding."""
    encoding = "utf-8" if code == "DIA-CANON-JSON" or data.startswith(b"\xef\xbb\xbf") else "gb18030"
    text = data.decode(encoding)
    way = chance.choice(["add", "rename", "drop", "encode"])
    if way == "encode":
        return text.encode(chance.choice([name for name in ("utf-8", "gb18030", "utf-16") if name != encoding]))
    if code == "DIA-CANON-JSON":
        changed = _json(json.loads(text), way, chance) if not text.startswith('{"schema"') else None
        if changed is not None:
            return json.dumps(changed, ensure_ascii=False).encode()
        return "\n".join(json.dumps(_json(json.loads(line), way, chance)) for line in text.splitlines()).encode()
    if code == "DIA-CHANNEL-XML":
        return _xml(text, way, chance).encode(encoding)
    return _csv(text, way, chance).encode(encoding)


def _json(value: Any, way: str, chance: random.Random) -> Any:
    where = [value]
    for found in where:
        # Control totals are passed on unchecked: the gateway's own schema judges them.
        inner = [item for name, item in found.items() if name != "totals"] if isinstance(found, dict) else found
        where += [item for item in inner if isinstance(item, dict | list)]
    target = chance.choice([found for found in where if isinstance(found, dict)])
    name = chance.choice(sorted(target)) if target else "x"
    if way == "add" or not target:
        target["new_member"] = "1"
    else:
        item = target.pop(name)
        if way == "rename":
            target[f"{name}_"] = item
    return value


def _xml(text: str, way: str, chance: random.Random) -> str:
    import re

    found = chance.choice(list(re.finditer(r"<([A-Z_]+)>[^<]*</\1>", text)))
    old = found[0]
    new = {
        "add": old + "<C_NEW>1</C_NEW>",
        "drop": "",
        "rename": old.replace(f"<{found[1]}>", f"<{found[1]}_>").replace(f"</{found[1]}>", f"</{found[1]}_>"),
    }[way]
    return text[: found.start()] + new + text[found.end() :]


def _csv(text: str, way: str, chance: random.Random) -> str:
    import csv
    import io

    rows = list(csv.reader(io.StringIO(text)))
    at = next(index for index, row in enumerate(rows) if len(row) > 6 and any("保单号" in cell for cell in row))
    column = chance.randrange(len(rows[at]))
    for index, row in enumerate(rows):
        if index >= at and column < len(row):
            if way == "add":
                row.insert(column, "新列" if index == at else "1")
            elif way == "drop":
                row.pop(column)
            elif index == at:
                row[column] = f"{row[column]}甲"
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_changed_format_is_never_read_as_other_values(path: Any, seed: int) -> None:
    code, data = path.parent.name, path.read_bytes()
    sent = everything(code, data, file_name=path.name)
    original = values(sent)
    found = values(everything(code, mutated(data, code, random.Random(seed)), file_name=path.name), among=sent)
    # What is dropped may be missing, and with it what followed from it; nothing may say something else.
    assert {
        (at, value) for at, value in found - original if at not in FOLLOWS or value not in FOLLOWS[at](original)
    } == set()


def _nothing(_: set[tuple[str, str]]) -> set[str]:
    return set()


def _stated(original: set[tuple[str, str]], *paths: str) -> set[str]:
    return {value for at, value in original if at in paths}


# Without its endorsement number a change would be a policy, without N_TMS a receipt has no instalment, and so on: these
# follow from what is left, and only in these ways.
FOLLOWS: dict[str, Any] = {
    ".insured.0.role": lambda original: {'"insured"'},
    ".kind": lambda original: {'"decrease"', '"amend"', '"increase"'},
    ".premium_change.gross": lambda original: {
        json.dumps(f"-{json.loads(value)}") for value in _stated(original, ".return_premium.gross")
    },
}


@pytest.mark.parametrize("code", [code for code in MAPPINGS if (SAMPLES / code).is_dir()])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_bytes_break_an_adapter(code: str, data: st.DataObject) -> None:
    files = [path for path in sorted((SAMPLES / code).iterdir()) if ".expected." not in path.name]
    sent = bytearray(data.draw(st.sampled_from([path.read_bytes() for path in files])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(sent) - 1))
        sent[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    everything(code, bytes(sent))


@pytest.mark.parametrize("code", MAPPINGS)
@given(sent=st.binary(max_size=300))
def test_arbitrary_bytes_give_no_record(code: str, sent: bytes) -> None:
    assert records(everything(code, sent)) == []
