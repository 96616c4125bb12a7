"""The field dictionary: every field of every record on one page, in Chinese and English."""

from collections.abc import Iterator

from schemas.markup import UNITS
from schemas.structure import Element, Term, leaves, nouns, record_nouns, record_term, value_term

_FORMS = {
    "text": "文本 text",
    "money": "金额 money",
    "amount": "金额 money",
    "percent": "百分数 percent",
    "day": "日期 date",
    "moment": "时刻 moment",
    "integer": "整数 integer",
    "truth": "是否 true/false",
    "code": "代码 code",
    "object": "组 group",
}
_HEAD = [
    "| 字段 field | 术语 term | 类型 type | 单位 unit | 含义 meaning | JR/T 0033 | 必填 required | 示例 example |",
    "|---|---|---|---|---|---|---|---|",
]


def dictionary() -> str:
    """The page as text; the same nouns and terms give the same text."""
    lines = [
        "# 字段字典 · Field dictionary",
        "",
        "标准 `premium-exchange/1.0` 的全部字段，由模型和术语表生成；同一内容另有 JSON Schema（`schemas/json/`）、"
        "XSD（`schemas/xsd/`）和 Excel 填报模板（`schemas/xlsx/`）。  ",
        "Every field of `premium-exchange/1.0`, generated from the nouns and the table of terms; the same as JSON",
        "Schema, XSD and workbook template.",
        "",
        "列表字段以 `[]` 标出。“有组时必填”：该组出现时必填。",
        "A list is marked `[]`. 有组时 with its group: required where the group is stated.",
        "",
        *_section("Envelope", "报文 · Message", ""),
    ]
    for name, noun in record_nouns().items():
        term = record_term(name)
        lines += _section(noun, f"{term.zh} · {term.en}", f"`{name}`")
    return "\n".join([*lines, *_values()])


def _section(noun: str, title: str, name: str) -> Iterator[str]:
    yield from (f"## {title}", "")
    if name:
        yield from (name, "")
    yield from _HEAD
    yield from _rows(noun, "", ())
    yield ""


def _rows(noun: str, path: str, noted: tuple[Element, ...]) -> Iterator[str]:
    for place, way in leaves(noun, path, noted):
        element = way[-1]
        yield _row(f"{place}{'[]' if element.many else ''}", way)
        if element.of:
            yield from _rows(element.of, f"{place}[].", way)


def _row(place: str, way: tuple[Element, ...]) -> str:
    element, term = way[-1], way[-1].term
    unit = UNITS.get(element.form)
    cells = (
        f"`{place}`",
        f"{'·'.join(one.term.zh for one in way)}<br>{term.en}",
        f"{_FORMS[element.form]}{'，列表 list' if element.many else ''}",
        f"{unit[0]}<br>{unit[1]}" if unit else "",
        _meaning(element, term),
        term.code,
        _required(way),
        f"`{term.example}`" if term.example else "",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _meaning(element: Element, term: Term) -> str:
    parts = [term.note_zh, term.note_en]
    if element.values:
        parts.append("、".join(f"`{value}`" for value in element.values))
    if element.pattern and element.form == "text":
        parts.append(f"`{element.pattern}`")
    return "<br>".join(part for part in parts if part)


def _required(way: tuple[Element, ...]) -> str:
    if not way[-1].required:
        return ""
    if all(one.required for one in way[:-1]):
        return "是 yes"
    return "有组时 with its group"


def _values() -> Iterator[str]:
    """Every code value with its meaning."""
    yield from ("## 代码 · Codes", "", "| 值 value | 含义 | meaning |", "|---|---|---|")
    listed = {value for elements in nouns().values() for element in elements for value in element.values}
    for value in sorted(listed):
        term = value_term(value)
        yield f"| `{value}` | {term.zh} | {term.en} |"
    yield ""
