"""The workbook template: what insurers fill in, a sheet for each record type and for each list in one.

Row 1 says what the sheet is, row 2 the terms, row 3 the units, row 4 the field names, which are what is read; records
stand from row 5. A list has its own sheet, whose rows name their record by `message_id`. Every column has its format,
its validation and a comment. The same nouns and terms give the same bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from schemas.markup import UNITS
from schemas.spreadsheet import Column, Sheet, letters, write_workbook
from schemas.structure import Element, Term, leaves, nouns, record_nouns, record_term, value_term

TYPES = (
    "policy",
    "endorsement",
    "cancellation",
    "premium_receipt",
    "premium_refund",
    "invoice",
    "delivery",
    "day_close",
    "claim_summary",
)
"""What insurers push. Filings, awards, decisions and directives are others' to state."""

NAMES_ROW = 4
FIRST_ROW = 5
KEY = "message_id"
ENVELOPE = (KEY, "insurer", "sent_at")
HELP, CODES = "说明", "代码表"
SEPARATOR = ";"
"""Between the values of a list in one cell."""
YES, NO = "是", "否"

_WIDTHS = {"text": 24, "code": 30, "moment": 28, "truth": 8, "integer": 10, "percent": 12}


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the template: its dotted path in the record, and the elements on its way."""

    path: str
    way: tuple[Element, ...]

    @property
    def element(self) -> Element:
        """The field itself."""
        return self.way[-1]


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet of the template: a record type, or (`of`) one of its lists."""

    name: str
    type: str
    of: str
    places: tuple[Place, ...]


@cache
def tables() -> Mapping[str, Table]:
    """Every sheet that holds records or parts of them, by the machine's name of it: `policy`, `policy.insured`."""
    found: dict[str, Table] = {}
    envelope = {element.name: element for element in nouns()["Envelope"]}
    own = tuple(Place(name, (envelope[name],)) for name in ENVELOPE)
    for name in TYPES:
        fields = tuple(leaves(record_nouns()[name]))
        single = tuple(Place(path, way) for path, way in fields if not way[-1].of)
        found[name] = Table(f"{record_term(name).zh} {name}", name, "", own + single)
        for path, way in fields:
            if way[-1].of:
                parts = tuple(Place(inner, parts) for inner, parts in leaves(way[-1].of))
                found[f"{name}.{path}"] = Table(f"{way[-1].term.zh} {name}.{path}", name, path, (own[0], *parts))
    return found


def template() -> bytes:
    """The workbook."""
    codes = _Codes()
    sheets = [_sheet(table, codes) for table in tables().values()]
    return write_workbook([_help(), *sheets, codes.sheet()])


def _sheet(table: Table, codes: "_Codes") -> Sheet:
    columns = tuple(_column(place, codes) for place in table.places)
    term = record_term(table.type)
    title = f"{term.zh} {term.en}"
    if table.of:
        title = f"{term.zh}·{table.name}: 每项一行，{KEY} 与记录相同 one row an entry"
    rows = (
        (f"{title} — 从第 {FIRST_ROW} 行起填写，* 为必填，勿改第 {NAMES_ROW} 行 fill in from row {FIRST_ROW}",),
        tuple(f"{'·'.join(one.term.zh for one in place.way)}{_star(place)}" for place in table.places),
        tuple(_unit(place.element) for place in table.places),
        tuple(place.path for place in table.places),
    )
    return Sheet(table.name, rows, columns, frozen=NAMES_ROW, comments_at=2)


def _star(place: Place) -> str:
    return " *" if place.path == "insurer" or all(one.required for one in place.way) else ""


def _unit(element: Element) -> str:
    unit = UNITS.get(element.form)
    listed = f"多个以 {SEPARATOR} 分隔 several, split by {SEPARATOR}" if element.many else ""
    return "；".join(part for part in (" ".join(unit) if unit else "", listed) if part)


def _column(place: Place, codes: "_Codes") -> Column:
    element, term = place.element, place.element.term
    form = "text" if element.many else element.form
    comment = _comment(element, term)
    listed = ""
    if element.form == "code" and not element.many:
        listed = codes.range_of(element)
    elif element.form == "truth":
        listed = f'"{YES},{NO}"'
    return Column(
        width=_WIDTHS.get(form, 16),
        form=form,
        list=listed,
        least=element.least,
        most=element.most,
        longest=None if element.many else element.longest,
        comment=comment,
        prompt_title=f"{term.zh} {term.en}"[:32],
        prompt=comment[:255],
    )


def _comment(element: Element, term: Term) -> str:
    lines = [f"{term.zh} {term.en}", term.note_zh, term.note_en, _unit(element)]
    if term.code:
        lines.append(f"JR/T 0033 {term.code}")
    if term.example:
        lines.append(f"例 example: {_example(element, term)}")
    return "\n".join(line for line in lines if line)


def _example(element: Element, term: Term) -> str:
    if element.form == "truth":
        return YES
    return shown(term.example) if element.form == "code" and not element.many else term.example


def shown(value: str) -> str:
    """A code as the template lists it: the value, a blank, the Chinese term. What is read is what stands first."""
    return f"{value} {value_term(value).zh}"


class _Codes:
    """The sheet with the values of every code, a column for each set of values."""

    def __init__(self) -> None:
        self._sets: dict[tuple[str, ...], str] = {}

    def range_of(self, element: Element) -> str:
        """Where the values of this code stand."""
        self._sets.setdefault(element.values, f"{element.noun}.{element.name}")
        column = letters(list(self._sets).index(element.values) + 1)
        return f"'{CODES}'!${column}$2:${column}${len(element.values) + 1}"

    def sheet(self) -> Sheet:
        """The sheet itself."""
        height = max(map(len, self._sets), default=0)
        rows: list[tuple[str, ...]] = [tuple(self._sets.values())]
        for at in range(height):
            rows.append(tuple(shown(values[at]) if at < len(values) else "" for values in self._sets))
        return Sheet(CODES, tuple(rows), tuple(Column(width=36) for _ in self._sets))


def _help() -> Sheet:
    return Sheet(HELP, tuple((line,) for line in _lines()), (Column(width=120),))


def _lines() -> Iterator[str]:
    yield "新药保险保费交换标准 premium-exchange/1.0 填报模板 · workbook template"
    yield "一张工作表一种记录；表名末尾的英文和第 4 行的字段名不可改动，不用的表和列可以空着。"
    yield "One sheet a record type. The machine's name at the end of a sheet's name and row 4 must stay as they are."
    yield "每条记录一个 message_id，全文件不得重复；列表（如被保险人、条款）填在各自的表里，以 message_id 对应。"
    yield "Each record has its own message_id; lists (insured, clauses, ...) have their sheets and name it there."
    yield "金额一律为元，最多两位小数；百分数填 1.6 表示 1.6%，不要用百分比格式；日期用日期格式或 2026-03-01。"
    yield "Amounts are in yuan, two places at most; 1.6 means 1.6 %, without a percentage format; dates as dates."
    yield "标识号（保单号、信用代码等）一律为文本格式。一格内多个值以 ; 分隔。公式须改为数值后再报送。"
    yield "Identifiers are texts. Several values in one cell are split by ; and formulas must be turned into values."
    yield "字段含义见各列批注、选中时的提示，或 docs/field-dictionary.md。"
    yield "What a field means stands in its comment and prompt, and in docs/field-dictionary.md."
