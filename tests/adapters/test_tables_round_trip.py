"""One record, written as workbook, extract, movement or groups, is read back; a changed file is not read as another."""

import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets_made import MOVEMENT, al3, bordereau, extract, movements, transaction
from translated import everything, records, told

from adapters import Row, dates
from sandbox.workbook import Cell
from schemas.identifiers import credit_check_character
from tests.shared import shared

Record = dict[str, Any]
_COVERAGES = {
    "product_liability": ("PRDCO", "产品责任险"),
    "drug_liability": ("DRUGL", "药品责任保险"),
    "device_liability": ("MEDDV", "医疗器械责任险"),
    "clinical_trial_liability": ("CLTRL", "临床试验责任险"),
}
SAMPLES = shared("domain/samples")


@st.composite
def policies(draw: st.DrawFn) -> Record:
    """A policy whose rate gives its premium, in what all four formats can say."""
    start = draw(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
    end = dates.anniversary(start, draw(st.integers(1, 3))) - timedelta(days=1)
    yuan, rate = draw(st.integers(1, 99_999)) * 10_000, draw(st.integers(1, 990))  # rate in hundredths of a percent
    fen = yuan * rate // 100
    tax = fen * 6 // 106
    first = draw(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
    return {
        "policy_no": draw(st.from_regex(r"[A-Z][0-9A-Z]{12,20}", fullmatch=True)),
        "policyholder": {
            "name": draw(st.sampled_from(["DEMO PHARMA CO., LTD", "A&B <PHARMA> (ZJ)"])),
            "credit_code": first + credit_check_character(first),
        },
        "line": draw(st.sampled_from(sorted(_COVERAGES))),
        "issued_on": draw(st.dates(date(2020, 1, 1), date(2030, 12, 31))).isoformat(),
        "period": {"start": start.isoformat(), "end": end.isoformat()},
        "limits": {"aggregate": f"{yuan}.00"},
        "rate_percent": f"{rate / 100:g}",
        "rate_base": {"kind": "aggregate_limit", "amount": f"{yuan}.00"},
        "premium": {"gross": text(fen), "net": text(fen - tax), "tax": text(tax), "currency": "CNY"},
    }


def text(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def without(record: Record, *names: str) -> Record:
    return {name: value for name, value in record.items() if name not in names}


def as_workbook(record: Record, chance: random.Random) -> tuple[bytes, Record]:
    old = chance.random() < 0.5
    wan = chance.random() < 0.5

    def day(iso: str) -> Any:
        number = (date.fromisoformat(iso) - (date(1904, 1, 1) if old else date(1899, 12, 30))).days
        return chance.choice([number, iso, iso.replace("-", "/"), Cell(str(number), format="yyyy/m/d")])

    def money(amount: str) -> Any:
        whole, part = divmod(int(amount.replace(".", "")), 10**6 if wan else 100)
        number = f"{whole}.{part:0{6 if wan else 2}d}".rstrip("0").rstrip(".")
        return chance.choice([Cell(number, format="#,##0.00"), Cell(number), f"{whole:,}.{part:0{6 if wan else 2}d}"])

    percent = record["rate_percent"]
    rates: list[tuple[str, Any]] = [
        ("费率(%)", Cell(percent)),
        ("费率", f"{percent}％"),
        ("费率(‰)", Cell(f"{float(percent) * 10:.15g}")),
        ("费率", Cell(f"{float(percent) / 100:.15g}", format="0.00%")),
    ]
    header, rate = chance.choice(rates)
    cells = {
        "保单号": record["policy_no"].lower(),
        "投保人": record["policyholder"]["name"],
        "统一社会信用代码": record["policyholder"]["credit_code"],
        "签单日期": day(record["issued_on"]),
        "责任限额": money(record["limits"]["aggregate"]),
        header: rate,
        "含税保费": money(record["premium"]["gross"]),
        "其中：增值税": money(record["premium"]["tax"]),
    }
    if chance.random() < 0.5:
        cells |= {"起期": day(record["period"]["start"]), "止期": day(record["period"]["end"])}
    else:
        cells["保险期间"] = chance.choice(["{}至{}", "{} ~ {}", "{} 00:00～{} 24:00"]).format(
            *record["period"].values()
        )
    names = list(cells)
    chance.shuffle(names)
    unit = "单位：万元" if wan else "单位：人民币元"
    return bordereau(cells, columns=tuple(names), unit=unit, date1904=old), without(record, "line")


def as_extract(record: Record, chance: random.Random) -> tuple[bytes, Record]:
    ten_thousandths = round(float(record["rate_percent"]) * 100)
    row = {
        "保单编号": record["policy_no"].lower(),
        "投保人名称": record["policyholder"]["name"],
        "投保人证件类型": "统一社会信用代码",
        "投保人证件号码": record["policyholder"]["credit_code"],
        "险种名称": _COVERAGES[record["line"]][1],
        "签单日期": record["issued_on"],
        "保险起期": record["period"]["start"].replace("-", chance.choice(["", "-"])),
        "保险止期": record["period"]["end"],
        "保险金额": record["limits"]["aggregate"],
        "费率": f"0.{ten_thousandths:04d}",
        "保费": record["premium"]["gross"],
        "税额": record["premium"]["tax"],
    }
    charset = chance.choice(["UTF-8", "GB18030"])
    data = extract(row, by=chance.choice(["|!|", "\x01"]), charset=charset, last=None)
    last = f"{record['premium']['gross']}"
    data = re.sub(rb"[-0-9.]+\Z", last.encode(), data)
    return chance.choice([data, gzip.compress(data)]), record


def as_movement(record: Record, chance: random.Random) -> tuple[bytes, Record]:
    start, end = (chance.choice([iso, "/".join(reversed(iso.split("-")))]) for iso in record["period"].values())
    row = {
        "Certificate Reference": record["policy_no"],
        "Insured Name": record["policyholder"]["name"],
        "Insured Registration Number": record["policyholder"]["credit_code"],
        "Sum Insured Amount": record["limits"]["aggregate"],
        "CR0021 Total Gross Written Premium": record["premium"]["net"],
        "Risk Inception Date": start,
        "CR0031 Risk Expiry Date": end,
        "CR0059 Gross Premium Paid This Time": record["premium"]["net"],
        "CR0064 Total Taxes and Levies": record["premium"]["tax"],
        "Date Premium Received": "",
    }
    data = movements({**MOVEMENT, **row}, more=("Insured Registration Number",))
    return data, without(record, "line", "issued_on", "rate_percent", "rate_base")


def as_groups(record: Record, chance: random.Random) -> tuple[bytes, Record]:
    def digits(amount: str, width: int = 11) -> str:
        return amount.replace(".", "").zfill(width)

    expiry = date.fromisoformat(record["period"]["end"]) + timedelta(days=1)
    bpi = {
        31: record["policy_no"],
        61: record["period"]["start"].replace("-", ""),
        69: f"{expiry:%Y%m%d}",
        81: digits(record["premium"]["gross"]) + "+",
        93: digits(record["premium"]["tax"]) + "+",
        105: chance.choice(["CNY", "RMB", "   "]),
    }
    rate = f"{round(float(record['rate_percent']) * 10_000):06d}"
    cvg = {31: _COVERAGES[record["line"]][0].ljust(15), 46: record["limits"]["aggregate"][:-3].zfill(11), 79: rate}
    row = transaction({197: record["issued_on"].replace("-", "")}, bpi, cvg)
    party = record["policyholder"]
    row = row.replace("DEMO PHARMA CO.".ljust(60), party["name"].ljust(60)).replace(
        "91330108MA2XX9T186", party["credit_code"]
    )
    return al3(row), record


WRITTEN: dict[str, Callable[[Record, random.Random], tuple[bytes, Record]]] = {
    "DIA-XLSX-BDX": as_workbook,
    "DIA-EAST-TXT": as_extract,
    "DIA-CRS-CSV": as_movement,
    "DIA-ACORD-AL3": as_groups,
}


@pytest.mark.parametrize("code", WRITTEN)
@settings(max_examples=60, deadline=None)
@given(record=policies(), seed=st.integers(0, 2**32))
def test_a_record_written_in_a_format_is_read_back(code: str, record: Record, seed: int) -> None:
    data, wanted = WRITTEN[code](record, random.Random(seed))
    rows = everything(code, data)
    assert {rule for _, rule, _ in told(rows)} <= {"receipt.date-missing"}
    assert records(rows) == [{"row": rows[0].row, "type": "policy", "record": wanted}]


FILES = [path for code in WRITTEN for path in sorted((SAMPLES / code).iterdir()) if ".expected." not in path.name]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {at: leaf for name, item in value.items() for at, leaf in leaves(item, f"{path}.{name}").items()}
    if isinstance(value, list):
        return {at: leaf for index, item in enumerate(value) for at, leaf in leaves(item, f"{path}.{index}").items()}
    return {path: value}


def values(rows: list[Row], among: set[int]) -> set[tuple[str, str, str]]:
    """Type, path and value of everything that came out of these rows."""
    return {
        (draft.type, at, json.dumps(leaf))
        for row in rows
        if row.row in among
        for draft in row.records
        for at, leaf in leaves(draft.record).items()
    }


def _workbook(data: bytes, chance: random.Random) -> bytes:
    """A workbook in which one text is renamed, one cell or merged range dropped, or one cell retyped."""
    source = zipfile.ZipFile(io.BytesIO(data))
    parts = {name: source.read(name).decode() for name in source.namelist()}
    name = chance.choice([one for one in parts if "sharedStrings" in one or "worksheets/" in one])
    old = chance.choice(re.findall(r"<t[ >][^<]*</t>|<c [^>]*>.*?</c>|<mergeCell [^>]*>", parts[name], re.DOTALL))
    new = chance.choice(["", old.replace("</t>", "甲</t>"), old.replace("<v>", "<v>1"), re.sub(r' s="\d+"', "", old)])
    parts[name] = parts[name].replace(old, new if not old.startswith("<t") or new else "<t/>", 1)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return stream.getvalue()


def _lines(data: bytes, chance: random.Random, by: bytes, head: int) -> bytes:
    """A text with one column added, renamed or dropped, or only its name, or a field of one line."""
    lines = [line.split(by) for line in data.rstrip(b"\r\n").split(b"\n")]
    way, column = (
        chance.choice(["add", "rename", "drop", "drop name", "drop field"]),
        chance.randrange(len(lines[head])),
    )
    if way == "rename":
        lines[head][column] += b"X"
    elif way in ("drop name", "drop field"):
        del lines[head if way == "drop name" else head + 1][column]
    else:
        for index, line in enumerate(lines[head : len(lines) - 1 if head else None]):
            if way == "add":
                line.insert(column, b"1" if index else b"Y")
            elif column < len(line):
                del line[column]
    return b"\n".join(by.join(line) for line in lines)


def mutated(code: str, data: bytes, chance: random.Random) -> bytes:
    """The file with something added, renamed, dropped, retyped, or in another encoding."""
    if code == "DIA-XLSX-BDX":
        return _workbook(data, chance)
    if code == "DIA-EAST-TXT":
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        if chance.random() < 0.2:
            return data.decode("gb18030" if b"GB18030" in data else "utf-8").encode("utf-16")
        return _lines(data, chance, b"|!|" if b"|!|" in data else b"\x01", 1)
    if code == "DIA-CRS-CSV":
        return _lines(data, chance, b",", 0)
    at = chance.randrange(len(data))
    return data[:at] + chance.choice([b" ", b""]) + data[at + chance.choice([0, 1]) :]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_changed_table_never_gives_another_column(path: Path, seed: int) -> None:
    code, data = path.parent.name, path.read_bytes()
    if code in ("DIA-XLSX-BDX", "DIA-ACORD-AL3"):  # what is changed there is the values themselves: it must not break
        everything(code, mutated(code, data, random.Random(seed)))
        return
    sent = everything(code, data, file_name=path.name)
    given_back = {row.row for row in sent if row.records}
    found = values(everything(code, mutated(code, data, random.Random(seed))), given_back)
    assert found - values(sent, given_back) == set()


def test_a_workbook_made_to_hurt_is_refused_or_read_in_time() -> None:
    wide = tuple(f"A{row}:XFD{row}" for row in range(5, 3000))
    assert told(everything("DIA-XLSX-BDX", bordereau({}, merges=wide))) == set()
    tall = tuple(f"C{4 + n}:C1048576" for n in range(3000))
    assert told(everything("DIA-XLSX-BDX", bordereau({}, merges=tall))) == {(0, "workbook.malformed", None)}
    assert told(everything("DIA-XLSX-BDX", bordereau({}, merges=("C4:C1048576",)))) == set()
    assert told(everything("DIA-XLSX-BDX", bordereau({"投保人": "x" * 32_768}))) == {(0, "cell.too-long", None)}
    for name in ("保单号", "起期", "费率(%)", "含税保费", "实收金额"):
        for long in ("x" + " " * 32_000 + "y", "1" * 32_000, "ﷺ" * 32_000, "(" + " " * 32_000):
            assert {row for row, _, _ in told(everything("DIA-XLSX-BDX", bordereau({name: long})))} == {4}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        source = zipfile.ZipFile(io.BytesIO(bordereau({})))
        for part in source.namelist():
            archive.writestr(part, source.read(part))
        archive.writestr("xl/bomb.xml", b" " * (64 * 1024 * 1024))
    assert told(everything("DIA-XLSX-BDX", stream.getvalue())) == {(0, "archive.bomb", None)}
