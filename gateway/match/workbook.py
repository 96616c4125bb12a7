"""A workbook with one sheet, written so that the same content is the same bytes (ECMA-376; APPNOTE 4.3)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.sax.saxutils import escape

from schemas.archive import write_archive

Look = Literal["plain", "title", "label", "value", "note", "open"]

_LOOKS: Final[tuple[Look, ...]] = ("plain", "title", "label", "value", "note", "open")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, or with `is_number` a decimal; how it looks; over how many columns it reaches.

    `open` is for what is left to whoever fills the form in: it stands out.
    """

    text: str = ""
    look: Look = "value"
    is_number: bool = False
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its name, the widths of its columns, its rows from the top; `heights` of rows by number, from 1."""

    name: str
    widths: Sequence[int]
    rows: Sequence[Sequence[Cell]]
    heights: Mapping[int, int]


def write_workbook(sheet: Sheet) -> bytes:
    """The workbook. Texts are texts, whatever they begin with: nothing in it is a formula."""
    parts = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relationships([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": (
            f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
            f'<sheet name="{escape(sheet.name)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": _relationships(
            [("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml")]
        ),
        "xl/styles.xml": _styles(),
        "xl/worksheets/sheet1.xml": _sheet(sheet),
    }
    return write_archive({name: text.encode() for name, text in parts.items()})


def letters(column: int) -> str:
    """The name of a column, from 1: A, B … Z, AA."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def _sheet(sheet: Sheet) -> str:
    widths = "".join(
        f'<col min="{at}" max="{at}" width="{width}" customWidth="1"/>' for at, width in enumerate(sheet.widths, 1)
    )
    rows: list[str] = []
    merges: list[str] = []
    for number, cells in enumerate(sheet.rows, 1):
        column = 1
        written: list[str] = []
        for cell in cells:
            written.append(_cell(f"{letters(column)}{number}", cell))
            if cell.columns > 1:
                last = column + cell.columns - 1
                merges.append(f"{letters(column)}{number}:{letters(last)}{number}")
                blank = Cell(look=cell.look)
                written += [_cell(f"{letters(at)}{number}", blank) for at in range(column + 1, last + 1)]
            column += cell.columns
        height = sheet.heights.get(number)
        tall = f' ht="{height}" customHeight="1"' if height else ""
        rows.append(f'<row r="{number}"{tall}>{"".join(written)}</row>')
    merged = "".join(f'<mergeCell ref="{one}"/>' for one in merges)
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><cols>{widths}</cols><sheetData>{"".join(rows)}</sheetData>'
        + (f'<mergeCells count="{len(merges)}">{merged}</mergeCells>' if merges else "")
        + '<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/>'
        '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/></worksheet>'
    )


def _cell(place: str, cell: Cell) -> str:
    style = _LOOKS.index(cell.look)
    if not cell.text:
        return f'<c r="{place}" s="{style}"/>'
    # Fifteen digits is what a spreadsheet keeps of a number; a longer one is a text, so that it stays exact.
    if cell.is_number and _NUMBER.fullmatch(cell.text) and len(cell.text.strip("-0").replace(".", "")) <= 15:
        return f'<c r="{place}" s="{style}"><v>{cell.text}</v></c>'
    text = escape(_NOT_XML.sub("\ufffd", cell.text))
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _styles() -> str:
    border = "".join(f'<{side} style="thin"><color auto="1"/></{side}>' for side in ("left", "right", "top", "bottom"))
    font = '<name val="宋体"/><family val="3"/><charset val="134"/>'
    shapes: Mapping[Look, tuple[int, int, int, str]] = {
        "plain": (0, 0, 0, "left"),
        "title": (1, 0, 0, "center"),
        "label": (2, 0, 1, "center"),
        "value": (0, 0, 1, "left"),
        "note": (3, 0, 0, "left"),
        "open": (3, 2, 1, "left"),
    }
    looks = "".join(
        f'<xf numFmtId="0" fontId="{type_}" fillId="{fill}" borderId="{edge}" xfId="0" applyFont="1" applyFill="1" '
        f'applyBorder="1" applyAlignment="1"><alignment horizontal="{side}" vertical="center" wrapText="1"/></xf>'
        for type_, fill, edge, side in (shapes[look] for look in _LOOKS)
    )
    return (
        f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="4"><font><sz val="11"/>{font}</font>'
        f'<font><b/><sz val="16"/>{font}</font><font><b/><sz val="11"/>{font}</font>'
        f'<font><i/><sz val="9"/><color rgb="FF595959"/>{font}</font></fonts>'
        '<fills count="3"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill>'
        '<fill><patternFill patternType="solid"><fgColor rgb="FFFFF2CC"/></patternFill></fill></fills>'
        '<borders count="2"><border><left/><right/><top/><bottom/></border>'
        f"<border>{border}</border></borders>"
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{len(_LOOKS)}">{looks}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )


def _content_types() -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/></Types>'
    )


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'
