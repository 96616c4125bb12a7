"""Annex 1 附件1 and annex 2 附件2, filled in with what is verified; what the gateway does not know is left open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.match.compare import Known, in_unit
from gateway.match.fields import ANNEX_1, ANNEX_2, BY_NAME, OPEN, WAN, Field
from gateway.match.regions import region_name
from gateway.match.workbook import Cell, Sheet
from schemas.calendar import SHANGHAI
from schemas.money import Yuan

TITLE_1 = "浙江省新药产品保险补偿申报表"
TITLE_2 = "浙江省新药产品保险补偿汇总表"
_SIGNATURE = "法定代表人或授权签字人（签字）：        （公章）        年  月  日"
_NOT_BORNE_OUT = "核验结果不支持“保费已全部缴清”的声明"
_MONEY = frozenset({"premium", "paid"})


@dataclass(frozen=True, slots=True)
class Filled:
    """One application as the gateway can fill it in: by field what it knows, in the unit of the form."""

    known: Known
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SealedStatement:
    """A sealed statement of the insurer that stands behind the premium: digest of the document, and whose seal."""

    digest: str
    sealed_by: Sequence[str]


def fill(known: Known) -> Filled:
    """What the gateway can say in the fields of an annex; fields that it does not know are not there.

    Amounts are in 万元, exactly. The premium is what is due now, the paid premium what is paid and not given back.
    """
    values: dict[str, str] = {}
    for name in dict.fromkeys((*ANNEX_1, *ANNEX_2)):
        value = _value(name, known)
        if value is not None:
            values[name] = value
    return Filled(known, values)


def _value(name: str, known: Known) -> str | None:
    if name in _MONEY:
        amount = known.money("due" if name == "premium" else "net_paid")
        return None if amount is None else str(in_unit(Yuan.of(amount).fen, WAN))
    if name == "region":
        code = known.text("region")
        return None if code is None else region_name(code) or code
    if name == "period":
        start, end = known.text("start"), known.text("end")
        return f"{in_words(start)}至{in_words(end)}" if start and end else None
    if name == "approval_date":
        day = known.text(name)
        return None if day is None else in_words(day)
    if name == "form_and_specification":
        parts = (known.text("dosage_form"), known.text("specification"))
        return "、".join(filter(None, parts)) if all(parts) else None
    if name in ("sales", "applied"):
        return None
    return known.text(name)


def in_words(day: str) -> str:
    """2026-07-27 as 2026年7月27日."""
    found = date.fromisoformat(day)
    return f"{found.year}年{found.month}月{found.day}日"


def statement_of(known: Known) -> str | None:
    """The insurer's sentence of annex 1 (R-ZJ-25), where the verified premium bears it out; amounts are in 元 there."""
    paid = known.money("net_paid")
    if known.status != "verified" or paid is None or not known.is_paid_in_full:
        return None
    return f"我司已收到保费金额{paid}元，保费已全部缴清。上述材料的承保情况属实，无骗（套）取财政资金的相关行为。"


def annex_1(filled: Filled, insurer: str, statement: SealedStatement | None, as_of: datetime) -> Sheet:
    """The form of one application, for its applicant to complete and its insurer to sign.

    The insurer's own sealed statement, if there is one, is named by its digest. A premium that is not verified and paid
    in full gets no sentence.
    """
    known = filled.known
    rows: list[list[Cell]] = [[Cell(TITLE_1, "title", columns=4)]]
    pairs = [_pair(BY_NAME[name], filled.values.get(name)) for name in ANNEX_1]
    pairs.insert(3, [Cell("注册资本", "label"), Cell(OPEN, "open")])
    pairs.insert(4, [Cell("联系人/联系方式", "label"), Cell(OPEN, "open")])
    for at in range(0, len(pairs), 2):
        right = pairs[at + 1] if at + 1 < len(pairs) else [Cell("", "label"), Cell("")]
        rows.append([*pairs[at], *right])
    sentence = statement_of(known)
    if sentence is None:
        rows.append([Cell("保险公司意见", "label"), Cell(f"{OPEN}{_NOT_BORNE_OUT}", "open", columns=3)])
    else:
        rows.append([Cell("保险公司意见", "label"), Cell(sentence, columns=3)])
    rows.append([Cell("承保机构", "label"), Cell(insurer, columns=3)])
    rows.append([Cell("签章", "label"), Cell(_SIGNATURE, "open", columns=3)])
    if statement is not None:
        seals = "、".join(statement.sealed_by)
        rows.append([Cell("电子凭据", "label"), Cell(f"{statement.digest} {seals}", columns=3)])
    rows.append([Cell(_origin(known, as_of), "note", columns=4)])
    return Sheet("附件1", (22, 34, 26, 34), rows, {1: 32, len(pairs) // 2 + 2: 48})


def _pair(field: Field, value: str | None) -> list[Cell]:
    if value is None:
        return [Cell(field.label, "label"), Cell(OPEN, "open")]
    return [Cell(field.label, "label"), Cell(value, is_number=field.unit is not None)]


def _origin(known: Known, as_of: datetime) -> str:
    return (
        f"由网关按已核验数据填写：{known.insurer} {known.policy_no} 第{known.revision}版（{known.status}），"
        f"截至{as_of.astimezone(SHANGHAI).isoformat()}；黄色单元格由申报单位或承保机构填写。"
    )


def annex_2(filled: Sequence[Filled], region: str, year: int, left_out: Mapping[str, int], as_of: datetime) -> Sheet:
    """The table of a county, a prefecture or the province: verified premiums begun in `year`, in the official order of
    columns. `left_out` counts, by status, the premiums that are not verified; they are told below the table."""
    count = len(ANNEX_2) + 1
    fields = [BY_NAME[name] for name in ANNEX_2]
    rows: list[list[Cell]] = [
        [Cell(f"{TITLE_2}（{year}年）", "title", columns=count)],
        [Cell(f"地区：{region_name(region) or region}", "plain", columns=count)],
        [Cell("序号", "label"), *(Cell(field.label_2 or field.label, "label") for field in fields)],
    ]
    for number, one in enumerate(filled, 1):
        cells = [_cell(field, one.values.get(field.name)) for field in fields]
        rows.append([Cell(str(number), is_number=True), *cells])
    rest = "、".join(f"{status} {many}" for status, many in sorted(left_out.items()) if many)
    note = f"由网关按截至{as_of.astimezone(SHANGHAI).isoformat()}的已核验数据填写；黄色单元格由申报单位填写。"
    rows.append([Cell(note + (f"未列入（未核验通过）：{rest}。" if rest else ""), "note", columns=count)])
    rows.append([Cell("报送单位（盖章）：                联系人及电话：", "plain", columns=count)])
    return Sheet("附件2", (6, *(16 for _ in fields)), rows, {1: 32, 3: 48})


def _cell(field: Field, value: str | None) -> Cell:
    return Cell(OPEN, "open") if value is None else Cell(value, is_number=field.unit is not None)


def as_json(filled: Filled) -> dict[str, Any]:
    """The same as JSON: what is known by field, in 万元 and %, and which fields are left open."""
    known = filled.known
    return {
        "insurer": known.insurer,
        "policy_no": known.policy_no,
        "revision": known.revision,
        "status": known.status,
        "fields": dict(filled.values),
    }


def open_fields(names: Sequence[str], filled: Filled) -> list[str]:
    """The fields of an annex that the gateway leaves blank."""
    return [name for name in names if name not in filled.values]
