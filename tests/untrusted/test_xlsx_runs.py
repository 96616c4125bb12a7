"""Cells that are read at once are those that are read tag by tag, and what the one way refuses so does the other."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrusted import Limits, Merge, Refused, Row, read_xlsx
from untrusted.runs import Runs

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
PARTS = {
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{RELATIONS}/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="s" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="y" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    f'<Relationship Id="t" Type="{RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{RELATIONS}"><sheets><sheet name="A" sheetId="1" r:id="s"/></sheets>'
    "</workbook>",
    "xl/styles.xml": f'<styleSheet {MAIN}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    "xl/sharedStrings.xml": f"<sst {MAIN}><si><t>shared</t></si><si><t></t></si></sst>",
}
TIGHT = Limits(cells=12, columns=6, rows=5, cell_characters=9, record_characters=20)

# Of each cell `{r}` becomes the reference. Those that may be read at once, and all that may stand beside or in them.
PLAIN = (
    '<c r="{r}" t="inlineStr"><is><t>甲</t></is></c>',
    '<c r="{r}" s="1" t="inlineStr"><is><t xml:space="preserve"> 甲\n乙 </t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>_x0041_>"\'</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>_xD800_</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t></t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>0123456789</t></is></c>',
    '<c r="{r}" t="inlineStr"><v>1</v></c>',
    '<c r="{r}" t="s"><v>0</v></c>',
    '<c r="{r}" t="s"><v>1</v></c>',
    '<c r="{r}" t="s"><v>7</v></c>',
    '<c r="{r}" t="s"><is><t>a</t></is></c>',
    '<c r="{r}"><v>12.50</v></c>',
    '<c r="{r}" s="1"><v>-0</v></c>',
    '<c r="{r}" t="n"><v>1e400</v></c>',
    '<c r="{r}" t="n"><v>1-2</v></c>',
    '<c r="{r}" s="1"/>',
    '<c r="{r}" s="9"/>',
    '<c r="{r}"/>',
)
ODD = (
    '<c r="{r}"><f>A1</f><v>1</v></c>',
    '<c r="{r}" t="b"><v>1</v></c>',
    '<c r="{r}" t="str"><v>x</v></c>',
    '<c r="{r}" t="inlineStr"><is><t>&lt;&#65;</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>a]]>b</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>a\r\nb</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>\ufffe</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><t>\x01</t></is></c>',
    '<c r="{r}" t="inlineStr"><is><rPh><t>a</t></rPh><t>b</t></is></c>',
    '<c r="{r}" r="{r}"><v>1</v></c>',
    '<c r="{r}"><v>1</v><v>2</v></c>',
    '<c r="#0"/>',
    '<c r="A1048577"><v>1</v></c>',
    "<c><v>1</v></c>",
    '<x:c xmlns:x="urn:x" r="{r}"><v>1</v></x:c>',
)
AROUND = (
    ("<!--", "-->"),
    ("<![CDATA[", "]]>"),
    ("<?pi ", "?>"),
    ('<c r="A9"><v>', "</v></c>"),
    ('<g xmlns="urn:x">', "</g>"),
    ("<rPh>", "</rPh>"),
    ("<row>", "</row>"),
    ("</row>", "<row>"),
    ("</sheetData>", "<sheetData>"),
    ("<c>", "</c>"),
)


def read(
    sheet: bytes, limits: Limits | None, *, at_once: bool
) -> tuple[list[Row], tuple[Merge, ...]] | tuple[str, ...]:
    """What the only sheet holds, or why it is refused."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as writer:
        for name, text in PARTS.items():
            writer.writestr(name, text)
        writer.writestr("xl/worksheets/sheet1.xml", sheet)
    try:
        (found,) = (read_xlsx(target.getvalue(), limits=limits) if limits else read_xlsx(target.getvalue())).sheets
        if at_once:
            return found.content()
        rows: list[Row] = []
        merges = found.each(rows.append)
    except Refused as refused:
        return refused.rule, refused.reason, refused.detail, str(refused.where)
    return rows, merges


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """A sheet of rows of cells, mostly in order, with something odd in between; some are damaged."""
    rows = []
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        number += draw(st.sampled_from((1, 1, 1, 2, 0)))
        column, cells = 0, []
        for _ in range(draw(st.integers(0, 8))):
            column += draw(st.sampled_from((1, 1, 1, 1, 1, 1, 2, 0)))
            shape = draw(st.sampled_from(PLAIN if draw(st.integers(0, 9)) else ODD))
            cells.append(shape.replace("{r}", f"{'?ABCDEFGHIJKLMNOPQRSTUVWXYZ'[column]}{number}"))
        if draw(st.integers(0, 5)) == 0:
            begin, end = sorted(draw(st.tuples(*[st.integers(0, len(cells))] * 2)))
            before, behind = draw(st.sampled_from(AROUND))
            cells = [*cells[:begin], before, *cells[begin:end], behind, *cells[end:]]
        row = f'<row r="{number}">' if draw(st.booleans()) else "<row>"
        rows.append(f"{row}{''.join(cells)}</row>")
    main = MAIN if draw(st.integers(0, 9)) else 'xmlns="urn:other"'
    behind = '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'
    text = f"<worksheet {main}><sheetData>{''.join(rows)}</sheetData>{behind}</worksheet>"
    data = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        place, length = draw(st.integers(0, len(data))), draw(st.integers(0, 8))
        data = data[:place] + draw(st.binary(max_size=3)) + data[place + length :]
    return data


@settings(max_examples=400, deadline=None)
@given(sheets(), st.sampled_from((None, TIGHT, Limits(depth=5))))
def test_what_is_read_at_once_is_what_is_read_tag_by_tag(sheet: bytes, limits: Limits | None) -> None:
    assert read(sheet, limits, at_once=True) == read(sheet, limits, at_once=False)


def test_a_run_is_taken_where_it_stands_and_once() -> None:
    cells = "".join(f'<c r="{letter}1"><v>{place}</v></c>' for place, letter in enumerate("ABCD"))
    sheet = f'<worksheet {MAIN}><sheetData><row r="1">{cells}</row></sheetData></worksheet>'.encode()
    rest = Runs(sheet, Limits()).rest()
    assert rest.count(b"<c ") == 1
    assert b"<v>" not in rest
    rows, _ = read(sheet, None, at_once=True)
    assert [cell.value for cell in rows[0].cells.values()] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("around", AROUND[:6])
def test_a_run_that_the_parser_does_not_come_to_is_not_read(around: tuple[str, str]) -> None:
    cells = "".join(f'<c r="{letter}1"><v>1</v></c>' for letter in "ABCD")
    hidden = f"{around[0]}{cells}{around[1]}"
    for marked in ("", '<c r="#0"/>'):
        sheet = f'<worksheet {MAIN}><sheetData><row r="1">{hidden}{marked}</row></sheetData></worksheet>'.encode()
        found = read(sheet, None, at_once=True)
        assert found == read(sheet, None, at_once=False)
        assert isinstance(found[0], str) or not found[0][0].cells
