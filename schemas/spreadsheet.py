"""A writer of workbooks (ECMA-376): texts, formats, validations, comments; the same bytes on every machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from schemas.archive import write_archive

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_LAST_ROW = 5000
_FIRST_DAY, _LAST_DAY = 32_874, 73_415  # 1990-01-01 and 2100-12-31, as serial numbers

# The cell formats by form: text, money (two places), percent, day, integer; the last is that of a header.
_FORMATS = {"text": 0, "money": 1, "amount": 1, "percent": 2, "day": 3, "integer": 4}
_TITLE, _HEADER = 5, 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column: width, what its cells hold, which values they may have, and what is said of it.

    `list` is the formula of a drop-down: a range, or texts in quotes.
    """

    width: int = 12
    form: str = "text"
    list: str = ""
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    comment: str = ""
    prompt_title: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its rows of text from the first, its columns; rows that stay in sight, and the row with comments."""

    name: str
    rows: tuple[tuple[str, ...], ...]
    columns: tuple[Column, ...]
    frozen: int = 0
    comments_at: int = 0


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """The workbook as `.xlsx`. Raises `ValueError` for a name that a sheet cannot have."""
    for sheet in sheets:
        if not 0 < len(sheet.name) <= 31 or set(sheet.name) & set("[]:*?/\\"):
            raise ValueError(f"no name of a sheet: {sheet.name}")
    parts = {
        "[Content_Types].xml": _content_types(sheets),
        "_rels/.rels": _relationships([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _workbook(sheets),
        "xl/_rels/workbook.xml.rels": _relationships(
            [
                *(("worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(sheets) + 1)),
                ("styles", "styles.xml"),
            ]
        ),
        "xl/styles.xml": _STYLES,
    }
    for at, sheet in enumerate(sheets, 1):
        parts[f"xl/worksheets/sheet{at}.xml"] = _worksheet(sheet)
        if sheet.comments_at:
            parts[f"xl/worksheets/_rels/sheet{at}.xml.rels"] = _relationships(
                [("vmlDrawing", f"../drawings/vmlDrawing{at}.vml"), ("comments", f"../comments{at}.xml")]
            )
            parts[f"xl/comments{at}.xml"] = _comments(sheet)
            parts[f"xl/drawings/vmlDrawing{at}.vml"] = _drawing(sheet, at)
    return write_archive({name: text.encode() for name, text in parts.items()})


def _content_types(sheets: Sequence[Sheet]) -> str:
    overrides = [("/xl/workbook.xml", f"{_TYPE}.sheet.main+xml"), ("/xl/styles.xml", f"{_TYPE}.styles+xml")]
    for at, sheet in enumerate(sheets, 1):
        overrides.append((f"/xl/worksheets/sheet{at}.xml", f"{_TYPE}.worksheet+xml"))
        if sheet.comments_at:
            overrides.append((f"/xl/comments{at}.xml", f"{_TYPE}.comments+xml"))
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="vml" ContentType="application/vnd.openxmlformats-officedocument.vmlDrawing"/>'
        + "".join(f'<Override PartName="{part}" ContentType="{kind}"/>' for part, kind in overrides)
        + "</Types>"
    )


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    found = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{found}</Relationships>'


_VIEWS = "<bookViews><workbookView/></bookViews>"


def _workbook(sheets: Sequence[Sheet]) -> str:
    listed = "".join(
        f'<sheet name={quoteattr(sheet.name)} sheetId="{at}" r:id="rId{at}"/>' for at, sheet in enumerate(sheets, 1)
    )
    return f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{_VIEWS}<sheets>{listed}</sheets></workbook>'


_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/><numFmt numFmtId="165" formatCode="0.############"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="宋体"/></font>'
    '<font><b/><sz val="11"/><name val="宋体"/></font></fonts>'
    '<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '<fill><patternFill patternType="solid"><fgColor rgb="FFDDEBF7"/></patternFill></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="7">'
    + "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in (49, 4, 165, 164, 1))
    + '<xf fontId="1" applyFont="1"/>'
    '<xf numFmtId="49" fontId="1" fillId="2" applyFont="1" applyFill="1" applyAlignment="1">'
    '<alignment vertical="top" wrapText="1"/></xf></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def _worksheet(sheet: Sheet) -> str:
    width = max(1, len(sheet.columns), *(len(row) for row in sheet.rows))
    last = f"{letters(width)}{max(1, len(sheet.rows))}"
    pane = (
        f'<pane xSplit="1" ySplit="{sheet.frozen}" topLeftCell="B{sheet.frozen + 1}" activePane="bottomRight" '
        'state="frozen"/>'
        if sheet.frozen
        else ""
    )
    columns = "".join(
        f'<col min="{at}" max="{at}" width="{column.width}" style="{_FORMATS.get(column.form, 0)}" customWidth="1"/>'
        for at, column in enumerate(sheet.columns, 1)
    )
    rows = "".join(_row(sheet, number, row) for number, row in enumerate(sheet.rows, 1))
    validations = list(_validations(sheet))
    drawing = '<legacyDrawing r:id="rId1"/>' if sheet.comments_at else ""
    checked = f'<dataValidations count="{len(validations)}">{"".join(validations)}</dataValidations>'
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><dimension ref="A1:{last}"/>'
        f'<sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"<cols>{columns}</cols><sheetData>{rows}</sheetData>"
        f"{checked if validations else ''}"
        f"{drawing}</worksheet>"
    )


def _row(sheet: Sheet, number: int, row: tuple[str, ...]) -> str:
    style = _TITLE if number == 1 else _HEADER if number <= sheet.frozen else 0
    cells = "".join(
        f'<c r="{letters(at)}{number}" s="{style}" t="inlineStr">'
        f'<is><t xml:space="preserve">{escape(text)}</t></is></c>'
        for at, text in enumerate(row, 1)
        if text
    )
    return f'<row r="{number}">{cells}</row>'


def _validations(sheet: Sheet) -> Iterator[str]:
    for at, column in enumerate(sheet.columns, 1):
        if not sheet.frozen:
            continue
        place = f"{letters(at)}{sheet.frozen + 1}:{letters(at)}{_LAST_ROW}"
        said = f"promptTitle={_attribute(column.prompt_title)} prompt={_attribute(column.prompt)}"
        kind, formulas = _check(column)
        yield (
            f'<dataValidation {kind} allowBlank="1" showInputMessage="1" showErrorMessage="1" {said} '
            f'errorTitle="不符合要求 not allowed" error={_attribute(_ERRORS.get(column.form, _ERRORS["text"]))} '
            f'sqref="{place}">{formulas}</dataValidation>'
        )


_ERRORS = {
    "text": "文本过长。 The text is too long.",
    "code": "请从下拉列表中选择。 Choose from the list.",
    "truth": "请从下拉列表中选择。 Choose from the list.",
    "day": "请填 1990-01-01 至 2100-12-31 之间的日期。 A date.",
    "amount": "请填不为负的金额，单位元。 An amount in yuan, not negative.",
    "money": "请填金额，单位元。 An amount in yuan.",
    "percent": "请填百分数，1.6 即 1.6%。 A percentage.",
    "integer": "请填整数。 A whole number.",
}


def _attribute(text: str) -> str:
    """A text in an attribute; a line break in it stays one."""
    return quoteattr(text, {"\n": "&#10;"})


def _check(column: Column) -> tuple[str, str]:
    """The type and operator of a validation, and its formulas."""
    if column.list:
        return 'type="list"', f"<formula1>{escape(column.list)}</formula1>"
    if column.form == "day":
        return 'type="date"', f"<formula1>{_FIRST_DAY}</formula1><formula2>{_LAST_DAY}</formula2>"
    if column.form in ("amount", "percent"):
        return 'type="decimal" operator="greaterThanOrEqual"', "<formula1>0</formula1>"
    if column.form == "money":
        return 'type="decimal"', "<formula1>-999999999999999</formula1><formula2>999999999999999</formula2>"
    if column.form == "integer":
        least, most = column.least or 0, 999_999_999 if column.most is None else column.most
        return 'type="whole"', f"<formula1>{least}</formula1><formula2>{most}</formula2>"
    return 'type="textLength" operator="lessThanOrEqual"', f"<formula1>{column.longest or 4000}</formula1>"


def _comments(sheet: Sheet) -> str:
    listed = "".join(
        f'<comment ref="{letters(at)}{sheet.comments_at}" authorId="0"><text><t xml:space="preserve">'
        f"{escape(column.comment)}</t></text></comment>"
        for at, column in enumerate(sheet.columns, 1)
        if column.comment
    )
    authors = "<authors><author>premium-exchange/1.0</author></authors>"
    return f'{_HEAD}<comments xmlns="{_MAIN}">{authors}<commentList>{listed}</commentList></comments>'


def _drawing(sheet: Sheet, number: int) -> str:
    """The boxes of the comments, which spreadsheet programs want drawn in VML (ECMA-376 part 4)."""
    row = sheet.comments_at - 1
    boxes = "".join(
        f'<v:shape id="_x0000_s{1024 * number + 1 + at}" type="#_x0000_t202" fillcolor="#ffffe1" o:insetmode="auto" '
        'style="position:absolute;visibility:hidden;width:260pt;height:110pt"><v:fill color2="#ffffe1"/>'
        '<v:textbox/><x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>'
        f"<x:Anchor>{at + 1}, 15, {row}, 2, {at + 4}, 15, {row + 7}, 2</x:Anchor><x:AutoFill>False</x:AutoFill>"
        f"<x:Row>{row}</x:Row><x:Column>{at}</x:Column></x:ClientData></v:shape>"
        for at, column in enumerate(sheet.columns)
        if column.comment
    )
    return (
        '<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
        'xmlns:x="urn:schemas-microsoft-com:office:excel">'
        f'<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="{number}"/></o:shapelayout>'
        '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
        '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
        f"{boxes}</xml>"
    )


def letters(column: int) -> str:
    """A column as spreadsheets name it: 1 is A, 27 is AA."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name
