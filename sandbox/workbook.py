"""Workbooks (ECMA-376 part 1, SpreadsheetML), made small: cells with formulas, formats and kinds, merged ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from schemas.archive import write_archive

FORMATS = ("General", "0.00%", "yyyy/m/d", "0.0\u2030", '0.0"%"', "#,##0.00")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is more than its value: `formula`, a number `format`, a `kind` (`e`, `b`, `d`)."""

    value: str | None
    formula: bool = False
    format: str = "General"
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows by number, each a list of cells from column A; merged ranges; `state` as the workbook says it."""

    rows: Mapping[int, Sequence[Any]]
    merges: tuple[str, ...] = ()
    name: str = "清单"
    state: str = "visible"


def column_name(column: int) -> str:
    """A column's letters, counted from 1: 28 is AB."""
    return chr(64 + column) if column <= 26 else column_name((column - 1) // 26) + column_name((column - 1) % 26 + 1)


def write_workbook(*sheets: Sheet, date1904: bool = False) -> bytes:
    """The workbook; texts are inline, numbers as they are written."""
    numbered = list(enumerate(sheets, 1))
    formats = "".join(f'<numFmt numFmtId="{200 + n}" formatCode="{escape(code)}"/>' for n, code in enumerate(FORMATS))
    styles = "".join(f'<xf numFmtId="{200 + n if n else 0}"/>' for n in range(len(FORMATS)))
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(date1904)}"/>'
        + "<sheets>"
        + "".join(
            f'<sheet name="{sheet.name}" sheetId="{n}" state="{sheet.state}" r:id="s{n}"/>' for n, sheet in numbered
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        f'<Relationship Id="st" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        + "".join(
            f'<Relationship Id="s{n}" Type="{_OFFICE}/worksheet" Target="worksheets/s{n}.xml"/>' for n, _ in numbered
        )
        + "</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs>'
        "</styleSheet>",
    }
    parts |= {f"xl/worksheets/s{n}.xml": _sheet(sheet) for n, sheet in numbered}
    return write_archive({name: text.encode() for name, text in parts.items()})


def _sheet(sheet: Sheet) -> str:
    rows = "".join(
        f'<row r="{number}">{"".join(_cell(cell, column_name(n), number) for n, cell in enumerate(cells, 1))}</row>'
        for number, cells in sorted(sheet.rows.items())
    )
    merges = "".join(f'<mergeCell ref="{reference}"/>' for reference in sheet.merges)
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData><mergeCells>{merges}</mergeCells></worksheet>'


def _cell(cell: Any, column: str, row: int) -> str:
    at = f'r="{column}{row}"'
    if cell is None or cell == "":
        return ""
    if isinstance(cell, str):
        return f'<c {at} t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    if not isinstance(cell, Cell):
        return f"<c {at}><v>{cell}</v></c>"
    stored = "" if cell.value is None else f"<v>{escape(cell.value)}</v>"
    kind = f' t="{cell.kind}"' if cell.kind else ""
    formula = "<f>A1</f>" if cell.formula else ""
    return f'<c {at}{kind} s="{FORMATS.index(cell.format)}">{formula}{stored}</c>'
