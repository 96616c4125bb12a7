"""Workbooks (ECMA-376 SpreadsheetML) as sheets, rows and typed cells. Nothing in them is run, fetched or followed."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lxml import etree

from untrusted.cell import GENERAL, Row, Style, style
from untrusted.limits import DEFAULT, MIB, STREAM, Limits
from untrusted.refused import Refused, refuse_larger, shown
from untrusted.runs import Runs, Unusual
from untrusted.sheet import MAIN, Cells, Merge, PackedTexts, SharedTexts, malformed
from untrusted.source import FileBytes
from untrusted.xml import as_utf8, hardened, read_xml, utf8_pieces
from untrusted.xml import malformed as malformed_xml
from untrusted.zip import Archive, open_zip

State = Literal["visible", "hidden", "veryHidden"]

_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_OFFICE: Final = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
_FEED: Final = 64 * 1024
_SIP: Final = 8 * 1024  # of a part whose rows are not to gather: a cell of 25 bytes may show a shared text of 32,767
_UTF8: Final = frozenset({"utf-8"})
# ECMA-376 section 18.8.30, with the Chinese ones; an id that is not listed shows dates if it lies in `_DATES`.
_BUILT_IN: Final = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy/m/d",
    22: "yyyy/m/d h:mm",
    37: "#,##0;-#,##0",
    38: "#,##0;[Red]-#,##0",
    39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;[Red]-#,##0.00",
    48: "##0.0E+0",
    49: "@",
}
_DATES: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its name, whether it is shown, and its rows on demand. Charts, dialogs and macro sheets have none."""

    name: str
    state: State
    kind: str
    _part: str | None
    _workbook: "Workbook" = field(repr=False)

    def rows(self) -> Iterator[Row]:
        """The rows that the sheet states, in order, streamed; each call starts anew.

        Raises `Refused` while iterating: `workbook.malformed`, `xml.*`, `archive.*`, `cell.too-long`, `file.too-large`.
        """
        for target in self._fed():
            yield from target.rows
            target.rows.clear()

    def merges(self) -> tuple[Merge, ...]:
        """The merged ranges of the sheet; it is read to its end for them. Raises as `rows` does."""
        if self._part is None or b"mergeCell" not in self._workbook._archive.read(self._part):
            return ()
        merges: list[Merge] = []
        for target in self._fed():
            target.rows.clear()
            merges = target.merges
        return tuple(merges)

    def content(self) -> tuple[list[Row], tuple[Merge, ...]]:
        """All rows and the merged ranges, in one reading. Raises as `rows` does."""
        at_once = self._at_once()
        if at_once is not None:
            return at_once
        rows: list[Row] = []
        merges: tuple[Merge, ...] = ()
        for target in self._fed():
            part, merges = target.hand_over()
            rows += part
        return rows, merges

    def each(self, take: Callable[[Row], None]) -> tuple[Merge, ...]:
        """Hand every row to `take`; the merged ranges, in the same one reading. Raises as `rows` does."""
        merges: list[Merge] = []
        for target in self._fed():
            for row in target.rows:
                take(row)
            target.rows.clear()
            merges = target.merges
        return tuple(merges)

    def _at_once(self) -> tuple[list[Row], tuple[Merge, ...]] | None:
        """The part read with its runs of cells at once; `None` where `_fed` has to read it, or to say why it is
        refused: that alone decides what is."""
        workbook = self._workbook
        if self._part is None or workbook._streamed:
            return None
        texts = workbook._texts()
        if self._part not in workbook._archive:
            return None
        runs = Runs(_part(workbook._archive, self._part, workbook._limits), workbook._limits)
        target = Cells(workbook._limits, texts, workbook._styles, runs)
        try:
            rest = runs.rest()
            for _ in _stream((rest[at : at + _FEED] for at in range(0, len(rest), _FEED)), target, workbook._limits):
                pass
            runs.check_all_taken()
            return target.hand_over()
        except (Unusual, Refused):
            return None
        finally:
            target.forget()

    def _fed(self) -> Iterator[Cells]:
        if self._part is None:
            return
        workbook = self._workbook
        target = Cells(workbook._limits, workbook._texts(), workbook._styles)
        for _ in _stream(workbook._pieces(self._part), target, workbook._limits):
            yield target
        target.forget()


class Workbook:
    """A workbook: `sheets` in their order, hidden ones included, and whether its dates count from 1904.

    `has_macros` and `has_external_links` say what the file holds besides; neither is ever run or followed.
    """

    def __init__(self, archive: Archive, limits: Limits, *, streamed: bool = False) -> None:
        self._archive = archive
        self._limits = limits
        self._streamed = streamed
        self._shared: list[str] | PackedTexts | None = None
        path = _office_part(archive, limits)
        related = _relationships(archive, path, limits)
        root = _tree(archive, path, limits)
        if etree.QName(root).localname != "workbook" or etree.QName(root).namespace not in MAIN:
            raise Refused("workbook.unrecognised", "no-workbook", "The package holds no workbook.")
        self._texts_part = next((part for kind, part in related.values() if kind == "sharedStrings"), None)
        styles_part = next((part for kind, part in related.values() if kind == "styles"), None)
        self._styles = _styles(_tree(archive, styles_part, limits)) if styles_part else (GENERAL,)
        self.date1904 = any(node.get("date1904", "0") in ("1", "true") for node in root if _local(node) == "workbookPr")
        names = [name.lower() for name in archive.names]
        self.has_macros = any(name.endswith("vbaproject.bin") for name in names)
        self.has_external_links = any("/externallinks/" in f"/{name}" for name in names)
        self.sheets = tuple(self._read_sheets(root, related))

    def _read_sheets(self, root: etree._Element, related: dict[str, tuple[str, str]]) -> Iterator[Sheet]:
        seen: set[str] = set()
        nodes = [node for group in root if _local(group) == "sheets" for node in group if _local(node) == "sheet"]
        if len(nodes) > self._limits.sheets:
            raise Refused("file.too-large", "items", f"{len(nodes)} sheets are more than {self._limits.sheets}.")
        for node in nodes:
            name, state = node.get("name", ""), node.get("state", "visible")
            identifiers = [node.get(f"{{{office}}}id") for office in _OFFICE]
            kind, part = related.get(next((found for found in identifiers if found), ""), ("", ""))
            if not part or state not in ("visible", "hidden", "veryHidden"):
                raise malformed("sheet", "A sheet has no part, or an unknown state.", shown(name))
            if part not in self._archive:
                raise malformed("part", "A part is missing.", shown(part))
            if name.casefold() in seen or part in seen:
                raise malformed("sheet", "Two sheets are one.", shown(name))
            seen.update((name.casefold(), part))
            shown_as: State = "visible" if state == "visible" else "hidden" if state == "hidden" else "veryHidden"
            yield Sheet(name, shown_as, kind, part if kind == "worksheet" else None, self)

    def _texts(self) -> list[str] | PackedTexts:
        if self._shared is None:
            target = SharedTexts(self._limits, packed=self._streamed)
            if self._texts_part is not None:
                for _ in _stream(self._pieces(self._texts_part), target, self._limits):
                    pass
            self._shared = target.hand_over()
        return self._shared

    def _pieces(self, name: str) -> Iterator[bytes]:
        """A part in UTF-8, a piece at a time, once all of it is known to be whole and to be UTF-8."""
        archive, limits = self._archive, self._limits
        if name not in archive:
            raise malformed("part", "A part is missing.", shown(name))
        if self._streamed:
            for _ in utf8_pieces(archive.pieces(name), limits):
                pass
            pieces = utf8_pieces(archive.pieces(name), limits)
            return (piece[at : at + _SIP] for piece in pieces for at in range(0, len(piece), _SIP))
        body = _part(archive, name, limits)
        return (body[at : at + _FEED] for at in range(0, len(body), _FEED))


def read_xlsx(data: bytes, *, limits: Limits = DEFAULT) -> Workbook:
    """The workbook in `data`. What a sheet holds is read, and may be refused, when its rows are.

    Raises `Refused`: `workbook.unrecognised` (no ZIP archive, or one without a workbook), `workbook.malformed`,
    `file.too-large`, `archive.*`, `xml.*`.
    """
    refuse_larger(data, limits.file_bytes)
    if not data.startswith(b"PK"):
        raise Refused("workbook.unrecognised", "no-archive", "The file is no ZIP archive, so it is no workbook.")
    return Workbook(open_zip(data, limits=limits), limits)


def stream_xlsx(data: FileBytes, *, limits: Limits = STREAM) -> Workbook:
    """The workbook in a file that is not in memory, nor are its sheets: whoever goes through their rows keeps them.

    The texts that cells share are kept, packed; of them and of merged ranges `limits` say how many.
    """
    if len(data) > limits.file_bytes:
        raise Refused("file.too-large", "bytes", f"{len(data)} bytes are more than {limits.file_bytes}.")
    if not data.startswith(b"PK"):
        raise Refused("workbook.unrecognised", "no-archive", "The file is no ZIP archive, so it is no workbook.")
    return Workbook(open_zip(data, limits=limits), limits, streamed=True)


def _office_part(archive: Archive, limits: Limits) -> str:
    parts = [part for kind, part in _relationships(archive, "", limits).values() if kind == "officeDocument"]
    if len(parts) != 1:
        raise Refused("workbook.unrecognised", "no-workbook", "The package does not say which part is the workbook.")
    return parts[0]


def _relationships(archive: Archive, source: str, limits: Limits) -> dict[str, tuple[str, str]]:
    """Kind and part name by id of what `source` refers to within the package (ECMA-376 part 2, section 6.5)."""
    folder, file = posixpath.split(source)
    path = posixpath.join(folder, "_rels", f"{file}.rels")
    if path not in archive:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for node in _tree(archive, path, limits).iter(_PACKAGE):
        if node.get("TargetMode", "Internal") != "Internal":
            continue
        target = node.get("Target", "")
        part = posixpath.normpath(target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target))
        kind = node.get("Type", "").rpartition("/")[2]
        if node.get("Id", "") in found:
            raise malformed("relationship", "Two relationships have one id.", path)
        found[node.get("Id", "")] = (kind, _named(archive, part))
    return found


def _named(archive: Archive, part: str) -> str:
    """The entry that holds `part`: part names are the same regardless of case, and twins were refused before."""
    if part in archive:
        return part
    return next((name for name in archive.names if name.lower() == part.lower()), part)


def _part(archive: Archive, name: str, limits: Limits) -> bytes:
    """The part as UTF-8, to be streamed. Its size was bounded when the archive was opened."""
    data = archive.read(name)
    if data.count(b"<") > limits.sheet_markup:
        raise Refused("file.too-large", "items", "A part of the workbook holds more than is read.", where=shown(name))
    return as_utf8(data, replace(limits, file_bytes=limits.entry_bytes, xml_markup=limits.entry_bytes), _UTF8)


def _tree(archive: Archive, name: str, limits: Limits) -> etree._Element:
    if name not in archive:
        raise malformed("part", "A part is missing.", shown(name))
    if archive.size(name) > limits.part_bytes:
        raise Refused(
            "file.too-large", "part", f"A part unpacks to more than {limits.part_bytes // MIB} MiB.", where=name
        )
    return read_xml(archive.read(name), limits=limits)


def _stream(pieces: Iterator[bytes], target: Cells | SharedTexts, limits: Limits) -> Iterator[None]:
    parser = hardened(target)
    try:
        for piece in pieces:
            parser.feed(piece)
            yield
        parser.close()
    except etree.XMLSyntaxError as error:
        raise malformed_xml(error, limits) from None
    yield


def _styles(root: etree._Element) -> tuple[Style, ...]:
    """The styles of `cellXfs` by index (ECMA-376 section 18.8.10)."""
    codes: dict[str, str] = {}
    for group in root:
        if _local(group) == "numFmts":
            codes.update((node.get("numFmtId", ""), node.get("formatCode", "")) for node in group)
    known: dict[str, Style] = {}
    found: list[Style] = []
    for group in root:
        if _local(group) != "cellXfs":
            continue
        for node in group:
            number = node.get("numFmtId", "0")
            if number not in known:
                known[number] = _style(number, codes)
            found.append(known[number])
    return tuple(found) or (GENERAL,)


def _style(number: str, codes: dict[str, str]) -> Style:
    if number in codes:
        return style(codes[number])
    built_in = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
    if built_in in _DATES:
        return Style(_BUILT_IN.get(built_in, "yyyy/m/d"), is_date=True)
    return style(_BUILT_IN.get(built_in, "General"))


def _local(node: etree._Element) -> str:
    name = etree.QName(node)
    return name.localname if name.namespace in MAIN else ""
