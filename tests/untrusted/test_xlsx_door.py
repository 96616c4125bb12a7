# ruff: noqa: DTZ001 - a spreadsheet knows no zones
"""Workbooks: what a spreadsheet program wrote is what is read, and a hostile one is refused in bounded time."""

import io
import time
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from doors import Tally, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from tests.shared import shared, vectors
from untrusted import Cell, Limits, Refused, Row, Workbook, moment, read_json, read_table, read_xlsx
from untrusted.cell import style

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
PARTS = {
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{RELATIONS}/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="s" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="t" Type="{RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{RELATIONS}"><sheets><sheet name="A" sheetId="1" r:id="s"/></sheets>'
    "</workbook>",
    "xl/sharedStrings.xml": f"<sst {MAIN}><si><t>shared</t></si><si><r><t>ru</t></r><rPh><t>no</t></rPh>"
    "<r><t>ns</t></r></si></sst>",
}


def workbook(rows: str = "", **parts: str | None) -> bytes:
    """A workbook whose only sheet holds `rows`; `parts` replace or, as None, remove others."""
    named = {
        "sheet": "xl/worksheets/sheet1.xml",
        "book": "xl/workbook.xml",
        "shared": "xl/sharedStrings.xml",
        "related": "xl/_rels/workbook.xml.rels",
        "root": "_rels/.rels",
    }
    content: dict[str, str | None] = PARTS | {
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"
    }
    content |= {named[name]: text for name, text in parts.items()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, text in content.items():
            if text is not None:
                writer.writestr(name, text)
    return target.getvalue()


def everything(data: bytes, limits: Limits | None = None) -> list[list[Row]]:
    found: Workbook = read_xlsx(data) if limits is None else read_xlsx(data, limits=limits)
    for sheet in found.sheets:
        sheet.merges()
    return [list(sheet.rows()) for sheet in found.sheets]


def only(cell: str) -> Cell:
    ((row,),) = everything(workbook(f"<row>{cell}</row>"))
    (found,) = row.cells.values()
    return found


def test_poi_workbooks() -> None:
    folder = vectors("poi-xlsx")
    tally = Tally("poi-xlsx")
    for case in read_json((folder / "labels.json").read_bytes())["files"]:
        data = (folder / case["file"]).read_bytes()
        tally.judge(case["file"], case["expected"], lambda data=data: everything(data))
    assert tally.cases == 13
    tally.report()


@pytest.mark.filterwarnings("ignore:Workbook contains no default style")
def test_the_dialects_samples_are_what_openpyxl_reads() -> None:
    files = sorted(shared("domain/samples/DIA-XLSX-BDX").glob("*.xlsx"))
    assert len(files) == 4
    for file in files:
        compare(file.read_bytes())
    formulas = read_xlsx(files[1].read_bytes())
    cells = [cell for row in formulas.sheets[0].rows() for cell in row.cells.values()]
    assert any(cell.formula and cell.kind == "number" for cell in cells)
    assert any(cell.style.is_percent for cell in cells)
    assert read_xlsx(files[2].read_bytes()).date1904
    assert [sheet.state for sheet in read_xlsx(files[3].read_bytes()).sheets] == ["visible", "hidden"]


def compare(data: bytes) -> None:
    ours, theirs = read_xlsx(data), openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    assert [sheet.name for sheet in ours.sheets] == theirs.sheetnames
    for sheet in ours.sheets:
        other = theirs[sheet.name]
        found = {(row.number, column): cell for row in sheet.rows() for column, cell in row.cells.items()}
        expected = {
            (cell.row, cell.column): cell.value
            for cells in other.iter_rows()
            for cell in cells
            if cell.value is not None
        }
        assert {place for place, cell in found.items() if cell.value} == set(expected)
        for place, value in expected.items():
            assert same(found[place], value, ours.date1904), place
        merged = {(r.min_row, r.min_col, r.max_row, r.max_col) for r in other.merged_cells.ranges}
        assert {tuple(merge) for merge in sheet.merges()} == merged
        assert (sheet.state == "visible") == (other.sheet_state == "visible")


def same(cell: Cell, value: Any, date1904: bool) -> bool:
    if isinstance(value, bool):
        return cell.kind == "boolean" and cell.value == str(int(value))
    if isinstance(value, datetime):
        return cell.style.is_date and moment(cell.value, date1904=date1904) == value
    if isinstance(value, int | float):
        return cell.kind == "number" and Decimal(cell.value) == Decimal(format(value, ".15g"))
    return cell.kind in ("text", "error") and cell.value == value


SAFE_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="=_\ufffe\uffff"), min_size=1
)
VALUES = (
    SAFE_TEXT.filter(lambda text: not text.startswith("#"))
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200)
    | st.booleans()
    | st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(lambda when: when.replace(microsecond=0))
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(1, 40), st.integers(1, 60)), VALUES, max_size=12), st.booleans())
def test_what_openpyxl_writes_is_what_it_reads(values: dict[tuple[int, int], Any], date1904: bool) -> None:
    book = openpyxl.Workbook()
    if date1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    for (row, column), value in values.items():
        sheet.cell(row, column, value)
    book.create_sheet("隐藏").sheet_state = "hidden"
    target = io.BytesIO()
    book.save(target)
    compare(target.getvalue())


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("<c><v>5</v></c>", Cell(1, "number", "5", "5")),
        ('<c r="C1"><v> 12800.00 </v></c>', Cell(3, "number", "12800", "12800.00")),
        ("<c><v>79.99999999999999</v></c>", Cell(1, "number", "80", "79.99999999999999")),
        ("<c><v>0.1</v></c>", Cell(1, "number", "0.1", "0.1")),
        ("<c><v>9.14403E+17</v></c>", Cell(1, "number", "914403000000000000", "9.14403E+17")),
        ("<c><v>123456789012345678</v></c>", Cell(1, "number", "123456789012346000", "123456789012345678")),
        ("<c><v>1E-7</v></c>", Cell(1, "number", "0.0000001", "1E-7")),
        ("<c><v>-0</v></c>", Cell(1, "number", "0", "-0")),
        ("<c><v>-0.0</v></c>", Cell(1, "number", "0", "-0.0")),
        ("<c><v>007</v></c>", Cell(1, "number", "7", "007")),
        ('<c t="s"><v>0</v></c>', Cell(1, "text", "shared", "shared")),
        ('<c t="s"><v>1</v></c>', Cell(1, "text", "runs", "runs")),
        ('<c t="inlineStr"><is><t> a_x0041__x000d_ </t></is></c>', Cell(1, "text", " aA\r ", " a_x0041__x000d_ ")),
        ('<c t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>', Cell(1, "text", "ab", "ab")),
        ('<c t="inlineStr"><is><t>_xD83D__xDE00_</t></is></c>', Cell(1, "text", "\U0001f600", "_xD83D__xDE00_")),
        ('<c t="b"><v>1</v></c>', Cell(1, "boolean", "1", "1")),
        ('<c t="e"><v>#REF!</v></c>', Cell(1, "error", "#REF!", "#REF!")),
        ('<c t="d"><v>2026-03-01</v></c>', Cell(1, "date", "2026-03-01", "2026-03-01")),
        ("<c><f>1+1</f><v>2</v></c>", Cell(1, "number", "2", "2", True)),
        ("<c><f>1+1</f></c>", Cell(1, "blank", "", "", True)),
        ("<c><f>1+1</f><v/></c>", Cell(1, "blank", "", "", True)),
        ('<c t="str"><f>A2</f><v></v></c>', Cell(1, "text", "", "", True)),
        ('<c t="str"><f>A2</f><v>x</v></c>', Cell(1, "text", "x", "x", True)),
        ('<c><x:y xmlns:x="u"><x:v>9</x:v></x:y><v>1</v></c>', Cell(1, "number", "1", "1")),
    ],
)
def test_cells(cell: str, expected: Cell) -> None:
    assert only(cell) == expected


def test_blank_cells_are_nothing() -> None:
    assert everything(workbook('<row r="3"><c r="A3"/><c r="B3" t="s"/><c r="C3"><v/></c></row>')) == [[Row(3, {})]]


SHEET = "<worksheet " + MAIN + "><sheetData>{}</sheetData>{}</worksheet>"

HOSTILE: dict[str, tuple[bytes, str]] = {
    "no-archive": (b"\xd0\xcf\x11\xe0 old or encrypted", "workbook.unrecognised no-archive"),
    "no-end": (b"PK\x03\x04", "archive.malformed no-end"),
    "no-relations": (workbook(root=None), "workbook.unrecognised no-workbook"),
    "document": (workbook(book="<document/>"), "workbook.unrecognised no-workbook"),
    "no-book": (workbook(book=None), "workbook.malformed part"),
    "no-sheet": (workbook(sheet=None), "workbook.malformed part"),
    "no-texts": (workbook('<row><c t="s"><v>0</v></c></row>', shared=None), "workbook.malformed part"),
    "relation-twice": (
        workbook(related=PARTS["xl/_rels/workbook.xml.rels"].replace('Id="t"', 'Id="s"')),
        "workbook.malformed relationship",
    ),
    "external-sheet": (
        workbook(related=PARTS["xl/_rels/workbook.xml.rels"].replace('Id="s"', 'Id="s" TargetMode="External"')),
        "workbook.malformed sheet",
    ),
    "outside": (
        workbook(related=PARTS["xl/_rels/workbook.xml.rels"].replace("worksheets/", "../../../etc/")),
        "workbook.malformed part",
    ),
    "one-sheet-twice": (
        workbook(book=PARTS["xl/workbook.xml"].replace("</sheets>", '<sheet name="B" sheetId="2" r:id="s"/></sheets>')),
        "workbook.malformed sheet",
    ),
    "unknown-state": (
        workbook(book=PARTS["xl/workbook.xml"].replace('name="A"', 'name="A" state="secret"')),
        "workbook.malformed sheet",
    ),
    "doctype-in-book": (workbook(book="<!DOCTYPE x>" + PARTS["xl/workbook.xml"]), "xml.dtd document-type"),
    "doctype-in-sheet": (
        workbook(sheet='<!DOCTYPE x [<!ENTITY a "b">]>' + SHEET.format("", "")),
        "xml.dtd document-type",
    ),
    "doctype-in-texts": (
        workbook('<row><c t="s"><v>0</v></c></row>', shared="<!DOCTYPE x>" + PARTS["xl/sharedStrings.xml"]),
        "xml.dtd document-type",
    ),
    "cut-off": (workbook(sheet=SHEET.format("", "")[:-5]), "xml.malformed not-well-formed"),
    "utf-16": (workbook(sheet='<?xml version="1.0" encoding="UTF-16"?><worksheet/>'), "encoding.undecodable declared"),
    "deep": (workbook(sheet=SHEET.format("", "<x>" * 70 + "</x>" * 70)), "xml.too-deep depth"),
    "very-deep": (workbook(sheet=SHEET.format("", "<x>" * 3000 + "</x>" * 3000)), "xml.too-deep depth"),
    "same-row-twice": (workbook('<row r="2"/><row r="2"/>'), "workbook.malformed order"),
    "row-back": (workbook('<row r="2"/><row r="1"/>'), "workbook.malformed order"),
    "same-cell-twice": (
        workbook('<row><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>'),
        "workbook.malformed order",
    ),
    "cell-back": (workbook('<row><c r="B1"/><c r="A1"/></row>'), "workbook.malformed order"),
    "cell-of-another-row": (workbook('<row r="1"><c r="A2"/></row>'), "workbook.malformed reference"),
    "bad-reference": (workbook('<row><c r="a1"/></row>'), "workbook.malformed reference"),
    "bad-row": (workbook('<row r="-1"/>'), "workbook.malformed reference"),
    "far-row": (workbook('<row r="1048577"/>'), "file.too-large rows"),
    "far-column": (workbook('<row><c r="XFE1"/></row>'), "file.too-large columns"),
    "two-values": (workbook("<row><c><v>1</v><v>2</v></c></row>"), "workbook.malformed structure"),
    "two-formulas": (workbook("<row><c><f>1</f><f>2</f></c></row>"), "workbook.malformed structure"),
    "value-in-value": (workbook("<row><c><v>1<v>2</v></v></c></row>"), "workbook.malformed structure"),
    "row-in-row": (workbook("<row><row/></row>"), "workbook.malformed structure"),
    "cell-in-cell": (workbook("<row><c><c/></c></row>"), "workbook.malformed structure"),
    "cell-outside": (workbook("<c/>"), "workbook.malformed structure"),
    "row-outside": (workbook(sheet=SHEET.format("", "<x><row/></x>")), "workbook.malformed structure"),
    "row-in-something": (workbook("<x><row/></x>"), "workbook.malformed structure"),
    "cell-in-something": (workbook("<row><x><c/></x></row>"), "workbook.malformed structure"),
    "value-in-something": (workbook("<row><c><x><v>1</v></x></c></row>"), "workbook.malformed structure"),
    "data-twice": (workbook(sheet=SHEET.format("", "<sheetData/>")), "workbook.malformed structure"),
    "two-inline-texts": (
        workbook('<row><c t="inlineStr"><is><t>a</t></is><is><t>b</t></is></c></row>'),
        "workbook.malformed structure",
    ),
    "not-a-number": (workbook("<row><c><v>NaN</v></c></row>"), "workbook.malformed value"),
    "underscore": (workbook("<row><c><v>1_0</v></c></row>"), "workbook.malformed value"),
    "infinity": (workbook("<row><c><v>1e999</v></c></row>"), "workbook.malformed value"),
    "no-such-text": (workbook('<row><c t="s"><v>2</v></c></row>'), "workbook.malformed value"),
    "negative-text": (workbook('<row><c t="s"><v>-1</v></c></row>'), "workbook.malformed value"),
    "half-truth": (workbook('<row><c t="b"><v>2</v></c></row>'), "workbook.malformed value"),
    "unknown-type": (workbook('<row><c t="z"><v>2</v></c></row>'), "workbook.malformed value"),
    "surrogate": (workbook('<row><c t="inlineStr"><is><t>_xD800_</t></is></c></row>'), "workbook.malformed value"),
    "no-such-style": (workbook('<row><c s="1"><v>2</v></c></row>'), "workbook.malformed style"),
    "bad-merge": (
        workbook(sheet=SHEET.format("", '<mergeCells><mergeCell ref="B2:A1"/></mergeCells>')),
        "workbook.malformed reference",
    ),
    "long-text": (
        workbook(f'<row><c t="inlineStr"><is><t>{"x" * 32_768}</t></is></c></row>'),
        "cell.too-long characters",
    ),
    "long-shared-text": (
        workbook('<row><c t="s"><v>0</v></c></row>', shared=f"<sst {MAIN}><si><t>{'x' * 32_768}</t></si></sst>"),
        "cell.too-long characters",
    ),
    "many-merges": (
        workbook(sheet=SHEET.format("", "".join(f'<mergeCell ref="A{at}:B{at * 7}"/>' for at in range(1, 100_002)))),
        "file.too-large items",
    ),
    "many-sheets": (
        workbook(book=PARTS["xl/workbook.xml"].replace("</sheets>", '<sheet name="B"/>' * 300 + "</sheets>")),
        "file.too-large items",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    data, why = HOSTILE[name]
    assert refused(everything, data) == why


def test_limits_are_those_asked_for() -> None:
    data = workbook('<row><c t="s"><v>0</v></c><c><v>1</v></c></row>')
    assert refused(everything, data, Limits(cells=1)) == "file.too-large items"
    assert refused(everything, data, Limits(texts=1)) == "file.too-large items"
    assert refused(everything, data, Limits(part_bytes=10)) == "file.too-large part"
    assert refused(everything, data, Limits(file_bytes=10)) == "file.too-large bytes"
    assert refused(everything, data, Limits(cell_characters=3)) == "cell.too-long characters"


def test_elements_without_number_do_not_gather_in_memory() -> None:
    """A sheet of a million elements that mean nothing is streamed past, not built."""
    import resource

    lines = "".join(f"<x{at % 97} y='{at % 89}'/>" for at in range(50_000))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, text in PARTS.items():
            writer.writestr(name, text)
        with writer.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f"<worksheet {MAIN}><sheetData/>".encode())
            for _ in range(20):
                sheet.write(lines.encode())
            sheet.write(b"</worksheet>")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    assert everything(target.getvalue(), Limits(ratio=1000)) == [[]]
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


def test_a_merged_area_of_the_whole_sheet_costs_nothing() -> None:
    data = workbook(sheet=SHEET.format("", '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'))
    (sheet,) = read_xlsx(data).sheets
    assert sheet.merges() == ((1, 1, 1048576, 16384),)


def test_strict_workbooks_and_part_names_in_another_case_are_read() -> None:
    strict = {
        "xl/worksheets/Sheet1.xml": SHEET.format('<row><c t="s"><v>0</v></c></row>', ""),
        **PARTS,
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as writer:
        for name, text in strict.items():
            text = text.replace(
                "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                "http://purl.oclc.org/ooxml/spreadsheetml/main",
            )
            writer.writestr(name, text.replace(RELATIONS, "http://purl.oclc.org/ooxml/officeDocument/relationships"))
    assert everything(target.getvalue()) == [[Row(1, {1: Cell(1, "text", "shared", "shared")})]]


@pytest.mark.parametrize(
    ("code", "is_date", "is_percent"),
    [
        ("General", False, False),
        ("GENERAL", False, False),
        ("0.00%", False, True),
        ('0.00"%"', False, False),
        ("0\\%", False, False),
        ("#,##0.00;[Red]-#,##0.00", False, False),
        ("yyyy/m/d", True, False),
        ('yyyy"年"m"月"d"日"', True, False),
        ("[$-804]yyyy/m/d;@", True, False),
        ("[h]:mm", True, False),
        ('#,##0.00"元 days"', False, False),
        ("[Red]0.0", False, False),
        ("_-* #,##0.00_-", False, False),
        ("@", False, False),
    ],
)
def test_number_formats(code: str, is_date: bool, is_percent: bool) -> None:
    assert style(code) == (code, is_date, is_percent)


@pytest.mark.parametrize(
    ("serial", "date1904", "expected"),
    [
        ("46091", False, datetime(2026, 3, 10)),
        ("44617", True, datetime(2026, 2, 26)),
        ("46091.5", False, datetime(2026, 3, 10, 12)),
        ("46091.999994", False, datetime(2026, 3, 10, 23, 59, 59)),
        ("61", False, datetime(1900, 3, 1)),
        ("60", False, None),
        ("0", True, datetime(1904, 1, 1)),
        ("-1", True, None),
        ("2958465", False, datetime(9999, 12, 31)),
        ("2958466", False, None),
        ("2958465.999999", False, None),
        ("2958465", True, None),
        ("1" + "0" * 300, False, None),
    ],
)
def test_serials(serial: str, date1904: bool, expected: datetime | None) -> None:
    assert moment(serial, date1904=date1904) == expected


def test_a_plain_table() -> None:
    book = openpyxl.Workbook()
    book.active.append(["条款注册号", "起用日期", "费率"])
    book.active.append(["C00000232512016122603162", date(2026, 3, 1), 0.016])
    book.active.append([None, datetime(2026, 3, 1, 8, 30, tzinfo=UTC).replace(tzinfo=None), True])
    target = io.BytesIO()
    book.save(target)
    rows = read_table(target.getvalue())
    assert [[row.text(column) for column in (1, 2, 3)] for row in rows] == [
        ["条款注册号", "起用日期", "费率"],
        ["C00000232512016122603162", "2026-03-01", "0.016"],
        ["", "2026-03-01 08:30:00", "1"],
    ]
    book.create_sheet("藏").append(["x"])
    book["藏"].sheet_state = "veryHidden"
    target = io.BytesIO()
    book.save(target)
    assert refused(read_table, target.getvalue()) == "workbook.ambiguous several-sheets"


SAMPLE = workbook('<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="0"><f>1+1</f><v>2.5</v></c></row>')


@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(at: int, byte: int) -> None:
    changed = bytearray(SAMPLE)
    changed[at] = byte
    try:
        found = everything(bytes(changed))
    except Refused:
        return
    assert found == everything(SAMPLE)


@settings(max_examples=200)
@given(
    st.text(alphabet='<>/cvrowftis=" 1ABn', max_size=60)
    | st.sampled_from(["<row>", "<c>", "<v>1</v>"]).map(lambda t: t * 3)
)
def test_any_sheet_is_read_or_refused(text: str) -> None:
    try:
        everything(workbook(text))
    except Refused:
        return


def test_columns_are_named_as_spreadsheets_name_them() -> None:
    for column in (1, 26, 27, 52, 702, 703, 16_384):
        letters = get_column_letter(column)
        assert only(f'<c r="{letters}1"><v>1</v></c>').column == column
        with pytest.raises(Refused) as caught:
            only(f'<c r="{letters}1" t="b"><v>7</v></c>')
        assert caught.value.where == f"{letters}1"
