"""Registry files: the bytes that an authority hands over as entries, or every problem that is in them.

CSV (UTF-8 with byte order mark, or GB18030), a workbook, or JSON: `{"source", "as_of", "entries": [...]}`, or a bare
array where the request says source and day. A file with a problem anywhere loads nothing, and all are told at once.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from unicodedata import normalize

from pydantic import ValidationError

from adapters import amounts, convert, dates
from adapters.problems import Unreadable
from gateway.registries.entries import NOUNS, RegistryEntry, RegistryName
from schemas.money import Yuan
from schemas.verification import Check, failed
from untrusted import Cell, Refused, Row, read_json, read_table

MOST_PROBLEMS = 1000
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")
_ENCODINGS = frozenset({"utf-8-sig", "gb18030"})
_HEADER_WITHIN = 20
_UNIT = re.compile(r"(.+)\((元|万元)\)")
_IGNORED = frozenset({"序号", "联系人", "联系电话", "经办人", "填报日期"})

_CODES: Mapping[str, Mapping[str, Any]] = {
    "state": {"有效": "valid", "在用": "valid", "暂停": "suspended", "注销": "cancelled", "已注销": "cancelled"},
    "is_new_drug": {"是": True, "新药": True, "true": True, "否": False, "非新药": False, "false": False},
    "mark": {
        "严重失信主体": "serious_dishonesty",
        "重大质量事故": "quality_accident",
        "重大安全事故": "safety_accident",
        "重大环境事故": "environment_accident",
    },
    "level": {
        **{"国家": "national", "国家级": "national", "省": "provincial", "省级": "provincial"},
        **{"市": "city", "市级": "city", "县": "county", "县级": "county", "区级": "county"},
    },
}
_COMMON: Mapping[str, tuple[str, ...]] = {
    "approval_no": ("批准文号", "注册证号"),
    "generic_name": ("通用名", "通用名称", "产品名称", "药品名称"),
    "holder_code": ("持有人统一社会信用代码", "上市许可持有人统一社会信用代码"),
    "since": ("列入日期", "认定日期", "起始日期", "发生日期"),
    "until": ("移出日期", "终止日期"),
    "reference": ("编号", "文号", "文书号", "决定书文号"),
}
_COLUMNS: Mapping[RegistryName, Mapping[str, tuple[str, ...]]] = {
    "varieties": {
        "trade_name": ("商品名", "商品名称"),
        "approval_date": ("批准日期",),
        "registration_class": ("注册分类",),
        "holder": ("上市许可持有人", "持有人"),
        "manufacturer": ("生产企业",),
        "state": ("状态", "批准文号状态"),
        "is_new_drug": ("是否新药", "新药认定"),
    },
    "credit": {
        "credit_code": ("统一社会信用代码",),
        "name": ("企业名称", "名称", "主体名称"),
        "kind": ("类型", "失信类型", "记录类型"),
        "authority": ("认定机关", "认定部门"),
    },
    "sister-awards": {
        "scheme": ("方案", "补贴方案"),
        "level": ("级别",),
        "year": ("年度",),
        "amount": ("补贴金额", "补偿金额"),
        "awarded_on": ("核定日期",),
        "insurer": ("保险机构代码",),
        "policy_no": ("保单号",),
        "policy_digest": ("保单号摘要",),
    },
    "hospital-list": {"list_name": ("名录", "名录名称"), "remark": ("备注",)},
}


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """What a file states, or why it is refused: source and day are known if and only if there are no `problems`."""

    source: str = ""
    as_of: date | None = None
    entries: tuple[RegistryEntry, ...] = ()
    problems: tuple[Check, ...] = ()


def read_registry(
    data: bytes,
    registry: RegistryName,
    *,
    source: str | None = None,
    as_of: date | None = None,
    today: date,
    may_be_empty: bool = False,
) -> RegistryFile:
    """The entries of one statement. `source` and `as_of` say whose it is unless the file does; both have to agree."""
    problems: list[Check] = []
    records: list[tuple[str, dict[str, Any]]] = []
    try:
        if _JSON.match(data[:64]):
            source, as_of, found = _members(read_json(data, bom_allowed=True), source, as_of)
        else:
            kind = "xlsx" if data.startswith((b"PK", b"\xd0\xcf\x11\xe0")) else "csv"
            found = _rows(read_table(data, kind="xlsx" if kind == "xlsx" else "csv", encodings=_ENCODINGS), registry)
        for one in found:
            if isinstance(one, Check):
                problems.append(one)
            else:
                records.append(one)
    except Refused as refused:
        problems.append(failed(refused.rule, refused.reason, field=refused.where, detail=refused.detail))
        return RegistryFile(problems=tuple(problems))
    for name, value in (("source", source), ("as_of", as_of)):
        if value is None and not any(one.rule == "registry-file.source" for one in problems):
            problems.append(failed("registry-file.source", "not-stated", field=name))
    if as_of is not None and as_of > today:
        problems.append(failed("registry-file.source", "as-of-in-future", field="as_of", stated=str(as_of)))
    entries = _entries(records, registry, problems)
    if not entries and not problems and not may_be_empty:
        problems.append(failed("registry-file.entry", "empty"))
    if problems:
        rest = [failed("registry-file.entry", "more-problems", count=len(problems))]
        return RegistryFile(problems=(*problems[:MOST_PROBLEMS], *(rest if len(problems) > MOST_PROBLEMS else ())))
    return RegistryFile(source or "", as_of, tuple(entries.values()))


def _entries(
    records: Sequence[tuple[str, dict[str, Any]]], registry: RegistryName, problems: list[Check]
) -> dict[str, RegistryEntry]:
    entries: dict[str, RegistryEntry] = {}
    for where, record in records:
        try:
            entry = NOUNS[registry].model_validate(record)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False, include_context=False)[:20]:
                path = "/".join(map(str, one["loc"]))
                problems.append(
                    failed(
                        "registry-file.entry", "invalid", field=f"{where}/{path}", error=one["type"], says=one["msg"]
                    )
                )
            continue
        if entry.key() in entries:
            problems.append(failed("registry-file.entry", "duplicate", field=where, key=entry.key()[:200]))
        entries[entry.key()] = entry
    return entries


def _members(
    value: Any, source: str | None, as_of: date | None
) -> tuple[str | None, date | None, Iterator[tuple[str, dict[str, Any]] | Check]]:
    stated: dict[str, Any] = value if isinstance(value, dict) else {"entries": value}
    return *_whose(stated, source, as_of), _listed(stated, source, as_of)


def _whose(stated: Mapping[str, Any], source: str | None, as_of: date | None) -> tuple[str | None, date | None]:
    own, day = stated.get("source"), _day(stated.get("as_of"))
    return (own if isinstance(own, str) and 0 < len(own) <= 300 else source), day or as_of


def _listed(
    stated: Mapping[str, Any], source: str | None, as_of: date | None
) -> Iterator[tuple[str, dict[str, Any]] | Check]:
    if stated.keys() - {"source", "as_of", "entries"}:
        yield failed("registry-file.entry", "invalid", field=f"/{sorted(stated.keys())[0][:100]}")
    for name, given in (("source", source), ("as_of", as_of)):
        own = stated.get(name)
        if own is None:
            continue
        if name == "as_of" and _day(own) is None:
            yield failed("registry-file.source", "not-stated", field=name)
        elif given is not None and str(own) != str(given):
            yield failed("registry-file.source", "several", field=name)
    entries = stated.get("entries")
    if not isinstance(entries, list):
        yield failed("registry-file.entry", "not-a-list", field="/entries")
        return
    for place, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield f"/entries/{place}", entry
        else:
            yield failed("registry-file.entry", "invalid", field=f"/entries/{place}")


def _day(value: Any) -> date | None:
    try:
        return dates.iso_day(value) if isinstance(value, str) else None
    except Unreadable:
        return None


def _rows(rows: Sequence[Row], registry: RegistryName) -> Iterator[tuple[str, dict[str, Any]] | Check]:
    fields = NOUNS[registry].model_fields
    names = {label: field for field, labels in (*_COMMON.items(), *_COLUMNS[registry].items()) for label in labels}
    names = {label: field for label, field in names.items() if field in fields} | {field: field for field in fields}
    at = next((at for at, row in enumerate(rows[:_HEADER_WITHIN]) if _known(row, names) >= 2), None)
    if at is None:
        yield failed("registry-file.columns", "no-header")
        return
    columns: dict[int, tuple[str, str | None]] = {}
    broken = False
    for column, cell in sorted(rows[at].cells.items()):
        label, unit = _label(cell)
        field = names.get(label)
        if field is None and label not in _IGNORED:
            broken = True
            yield failed("registry-file.columns", "unaccounted", field=f"column {column}", column=label[:100])
        elif field is not None and field in {one for one, _ in columns.values()}:
            broken = True
            yield failed("registry-file.columns", "duplicate", field=f"column {column}", column=label[:100])
        elif field is not None:
            columns[column] = (field, unit)
    for field in fields:
        if fields[field].is_required() and field not in {one for one, _ in columns.values()}:
            broken = True
            yield failed("registry-file.columns", "missing", field=field, column=field)
    if broken:
        return
    for row in rows[at + 1 :]:
        if row.cells:
            yield from _row(row, columns, registry)


def _known(row: Row, names: Mapping[str, str]) -> int:
    return sum(_label(cell)[0] in names for cell in row.cells.values())


def _label(cell: Cell) -> tuple[str, str | None]:
    label = "".join(normalize("NFKC", cell.value[:200]).split())
    found = _UNIT.fullmatch(label)
    return (found[1], found[2]) if found else (label, None)


def _row(
    row: Row, columns: Mapping[int, tuple[str, str | None]], registry: RegistryName
) -> Iterator[tuple[str, dict[str, Any]] | Check]:
    record: dict[str, Any] = {}
    for column, (field, unit) in columns.items():
        cell = row.cells.get(column)
        if cell is None:
            continue
        place = f"row {row.number}, {field}"
        if cell.kind == "error" or (cell.kind == "blank" and cell.formula):
            yield failed("registry-file.entry", "cell-error", field=place)
            return
        try:
            value = _read(field, cell.value, unit, registry)
        except Unreadable as error:
            yield failed(error.rule, error.reason, field=place, value=cell.value[:100])
            return
        if value is not None:
            record[field] = value
    if record:
        yield f"row {row.number}", record


def _read(field: str, raw: str, unit: str | None, registry: RegistryName) -> Any:
    if field in _READERS:
        return _READERS[field](raw)
    if field == "amount":
        amount = amounts.money(raw, unit or "元")
        return str(amount) if isinstance(amount, Yuan) else None
    table = _CODES.get("mark" if field == "kind" and registry == "credit" else field)
    if table is None:
        return convert.text(raw)
    return convert.one_of({**table, **{str(value): value for value in table.values()}})(raw)


def _iso(raw: str) -> str | None:
    day = dates.day_or_serial(raw)
    return None if day is None else day.isoformat()


_READERS: Mapping[str, Callable[[str], Any]] = {
    "approval_no": convert.approval_no,
    "credit_code": convert.credit_code,
    "holder_code": convert.credit_code,
    "policy_no": convert.policy_no,
    "approval_date": _iso,
    "awarded_on": _iso,
    "since": _iso,
    "until": _iso,
    "year": lambda raw: amounts.integer(raw),
    "scheme": convert.identifier,
    "insurer": convert.identifier,
}
