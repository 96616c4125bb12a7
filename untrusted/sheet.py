"""The two large parts of a workbook, read as streams: a sheet's rows, and the shared texts."""

import re
from array import array
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from untrusted.cell import Cell, Row, Style
from untrusted.limits import Limits
from untrusted.refused import Refused, shown
from untrusted.runs import Runs, Unusual

MAIN: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_LOCAL: Final = {
    f"{{{namespace}}}{local}": local
    for namespace in MAIN
    for local in ("sst", "si", "r", "rPh", "t", "sheetData", "row", "c", "v", "f", "is", "mergeCell")
}
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_INDEX = re.compile(r"[0-9]{1,9}")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_new = tuple.__new__  # a cell without the detour over its class: there are many
_Kind: TypeAlias = Literal["text", "number", "boolean", "error", "date", "blank"]


class Merge(NamedTuple):
    """A merged range, corners included; rows and columns count from 1. The value stands in its first cell."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


class _Target:
    """What both parts share: depth, and the collecting of text. Elements of other namespaces are nothing."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = 0
        self._phonetic = 0
        self._pieces: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self._limits.depth:
            raise Refused("xml.too-deep", "depth", f"Elements are nested deeper than {self._limits.depth}.")
        if self._pieces is not None:
            raise malformed("structure", "An element stands where text is expected.")
        local = _LOCAL.get(tag)
        if local == "rPh":
            self._phonetic += 1
        elif local is not None and not self._phonetic:
            self._open(local, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        local = _LOCAL.get(tag)
        if local == "rPh":
            self._phonetic -= 1
        elif local is not None and not self._phonetic:
            pieces, self._pieces = self._pieces, None
            self._close(local, "".join(pieces) if pieces is not None else "")

    def data(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(text)

    def doctype(self, *_: Any) -> None:
        raise Refused("xml.dtd", "document-type", "The text holds a document type declaration.")

    def close(self) -> None:
        """Asked for by the parser; there is nothing to hand over."""

    def _open(self, local: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def _close(self, local: str, text: str) -> None:
        raise NotImplementedError

    def _checked(self, text: str) -> str:
        if "_x" in text:
            text = _unescaped(text, self._here())
        if len(text) > self._limits.cell_characters:
            detail = f"A cell is longer than {self._limits.cell_characters}."
            raise Refused("cell.too-long", "characters", detail, where=self._here())
        return text

    def _here(self) -> str:
        """Where the text stands that is looked at: for a refusal only, which is why nobody asks before."""
        raise NotImplementedError


class PackedTexts:
    """Texts in as little memory as they can be: their bytes one behind the other, and where each ends."""

    __slots__ = ("_ends", "_most", "_packed")

    def __init__(self, most: int) -> None:
        self._packed = bytearray()
        self._ends = array("Q", (0,))
        self._most = most

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        return self._packed[self._ends[index] : self._ends[index + 1]].decode("utf-8")

    def append(self, text: str) -> None:
        """Add a text. Raises `Refused` (`file.too-large`) if all of them are more than is kept."""
        self._packed += text.encode("utf-8")
        self._ends.append(len(self._packed))
        if len(self._packed) > self._most:
            raise Refused("file.too-large", "items", "The workbook shares more text than is kept.")


class SharedTexts(_Target):
    """`texts` of `sharedStrings.xml` in order; runs are joined, phonetic hints left out (ECMA-376 section 18.4.8).

    `packed`: kept in as little memory as they can be.
    """

    def __init__(self, limits: Limits, *, packed: bool = False) -> None:
        super().__init__(limits)
        self.texts: list[str] | PackedTexts = PackedTexts(limits.text_bytes) if packed else []
        self._item: list[str] | None = None

    def _open(self, local: str, attributes: dict[str, str]) -> None:
        if local == "si":
            self._item = []
        elif local == "t" and self._item is not None:
            self._pieces = []

    def _close(self, local: str, text: str) -> None:
        if self._item is None:
            return
        if local == "t":
            self._item.append(text)
        elif local == "si":
            if len(self.texts) >= self._limits.texts:
                raise Refused("file.too-large", "items", "The workbook shares more texts than are read.")
            self.texts.append(self._checked("".join(self._item)))
            self._item = None

    def hand_over(self) -> list[str] | PackedTexts:
        """The texts, which are the caller's from now on: parser and target hold each other for a while yet."""
        texts, self.texts = self.texts, []
        return texts

    def _here(self) -> str:
        return f"shared text {len(self.texts)}"


class Cells(_Target):
    """`rows` of a sheet part as they come, and its `merges` (ECMA-376 sections 18.3.1.73, .4 and .55).

    The owner empties `rows` between feeds. Rows and cells must ascend: a reference that comes twice has two values.
    """

    def __init__(
        self,
        limits: Limits,
        texts: list[str] | PackedTexts,
        styles: tuple[Style, ...],
        runs: Runs | None = None,
    ) -> None:
        super().__init__(limits)
        self.rows: list[Row] = []
        self._runs = runs
        self.merges: list[Merge] = []
        self._texts, self._styles = texts, styles
        self._columns: dict[str, int] = {}
        self._letters: dict[int, str] = {}
        self._columns_written: dict[bytes, int] = {}  # at most 26 + 26² + 26³
        self._styles_written: dict[bytes, Style] = {}  # no more than there are styles: a number is written in one way
        self._most = limits.columns
        self._count = 0
        self._tables = 0
        self._within = False
        self._row = self._column = self._characters = 0
        self._cells: dict[int, Cell] | None = None
        self._cell: dict[str, str] | None = None
        self._formula = False
        self._stored: str | None = None
        self._inline: list[str] | None = None

    def hand_over(self) -> tuple[list[Row], tuple[Merge, ...]]:
        """The rows since the last time, which are the caller's from now on, and all merged ranges."""
        rows, self.rows = self.rows, []
        return rows, tuple(self.merges)

    def forget(self) -> None:
        """Let go of everything large: parser and target hold each other until the collector of cycles comes."""
        self.rows, self._texts, self._runs, self._cells = [], [], None, None

    def _here(self) -> str:
        return self._where(self._column)

    def _open(self, local: str, attributes: dict[str, str]) -> None:
        if local == "c":
            self._open_cell(attributes)
        elif local == "v" or local == "f":
            self._open_content(local)
        elif local == "row":
            self._open_row(attributes)
        elif local == "is":
            if self._depth != 5 or self._cell is None or self._inline is not None:
                raise malformed("structure", "An inline text stands outside of a cell, or twice.")
            self._inline = []
        elif local == "t":
            if self._inline is not None:
                self._pieces = []
        elif local == "sheetData":
            self._tables, self._within = self._tables + 1, True
            if self._tables > 1 or self._depth != 2:
                raise malformed("structure", "The sheet holds its data twice, or not where they belong.")
        elif local == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def _open_row(self, attributes: dict[str, str]) -> None:
        if self._depth != 3 or self._cells is not None or not self._within:
            raise malformed("structure", "A row stands outside of the sheet's data.")
        stated = attributes.get("r")
        number = self._row + 1
        if stated is not None:
            if not _ROW_NUMBER.fullmatch(stated):
                raise malformed("reference", f"{shown(stated)} is no row number.")
            number = int(stated)
        if number <= self._row:
            raise malformed("order", "A row comes twice, or out of order.", f"row {number}")
        if number > self._limits.rows:
            raise Refused("file.too-large", "rows", "The sheet has more rows than are read.", where=f"row {number}")
        self._row, self._column, self._cells, self._characters = number, 0, {}, 0

    def _open_cell(self, attributes: dict[str, str]) -> None:
        if self._depth != 4 or self._cells is None or self._cell is not None:
            raise malformed("structure", "A cell stands outside of a row.")
        stated = attributes.get("r")
        column = self._column + 1
        if stated is not None and stated != f"{self._letters.get(column)}{self._row}":  # which most are
            if self._runs is not None and stated.startswith("#"):
                self._take_run(self._runs, stated)
                return
            reference = _REFERENCE.fullmatch(stated)
            if reference is None or int(reference[2]) != self._row:
                raise malformed("reference", f"{shown(stated)} is no cell of this row.", f"row {self._row}")
            column = self._column_of(reference[1])
        if column <= self._column:
            raise malformed("order", "A cell comes twice, or out of order.", self._where(column))
        if column > self._limits.columns:
            raise Refused(
                "file.too-large", "columns", "The row has more columns than are read.", where=self._where(column)
            )
        self._count += 1
        if self._count > self._limits.cells:
            raise Refused("file.too-large", "items", "The sheet has more cells than are read.")
        self._column = column
        self._cell, self._formula, self._stored, self._inline = attributes, False, None, None

    def _take_run(self, runs: Runs, stated: str) -> None:
        """The cells of a run, each as `_open_cell` and `_finished` have it; `Unusual` where those might refuse."""
        cells, row, column, styles, most = self._cells, str(self._row).encode(), self._column, self._styles, self._most
        assert cells is not None
        for found in runs.take(stated):
            letters, of_row, style, kind, value, text = found.groups()
            before, column = column, self._columns_written.get(letters) or self._column_written(letters)
            if of_row != row or not before < column <= most:
                raise Unusual
            self._count += 1
            shown_as = styles[0] if style is None else self._styles_written.get(style) or self._style_written(style)
            if text is not None:
                if kind != b"inlineStr":
                    raise Unusual
                stored = text.decode()
                if stored:
                    said = self._checked(stored)
                    self._count_characters(said)
                    if said:
                        cells[column] = _new(Cell, (column, "text", said, stored, False, shown_as))
            elif value is not None:
                stored = value.decode()
                if kind == b"s":
                    said = self._shared(stored)
                    if said:
                        cells[column] = _new(Cell, (column, "text", said, said, False, shown_as))
                elif kind is None or kind == b"n":
                    cells[column] = _new(Cell, (column, "number", self._number(stored), stored, False, shown_as))
                else:
                    raise Unusual
        if self._count > self._limits.cells:
            raise Unusual
        self._column = column

    def _column_written(self, letters: bytes) -> int:
        column = self._columns_written[letters] = self._column_of(letters.decode())
        return column

    def _style_written(self, stated: bytes) -> Style:
        style = self._styles_written[stated] = self._style(stated.decode())
        return style

    def _open_content(self, local: str) -> None:
        if self._depth != 5 or self._cell is None:
            raise malformed("structure", "A value stands outside of a cell.", f"row {self._row}")
        if (self._stored is not None) if local == "v" else self._formula:
            raise malformed("structure", "A cell holds two values.", self._where(self._column))
        if local == "f":
            self._formula = True
        self._pieces = []

    def _close(self, local: str, text: str) -> None:
        if local == "v":
            if self._cell is not None:
                self._stored = text
        elif local == "c":
            if self._cell is not None and self._cells is not None:
                cell = self._finished(self._cell)
                if cell is not None:
                    self._cells[cell.column] = cell
            self._cell = None
        elif local == "t":
            if self._inline is not None:
                self._inline.append(text)
        elif local == "row" and self._cells is not None:
            self.rows.append(Row(self._row, self._cells))
            self._cells = None
        elif local == "sheetData":
            self._within = False

    def _finished(self, attributes: dict[str, str]) -> Cell | None:
        column, kind, stored = self._column, attributes.get("t", "n"), self._stored
        style = self._styles[0] if "s" not in attributes else self._style(attributes["s"])
        value: str
        found: _Kind
        if kind == "inlineStr":
            stored = "".join(self._inline) if self._inline is not None else None
        elif stored is not None and kind != "str":
            stored = stored.strip(" \t\r\n")
        if stored is None or (stored == "" and (kind not in ("str", "inlineStr") or not self._formula)):
            return Cell(column, "blank", "", "", True, style) if self._formula else None
        if kind == "n":
            found, value = "number", self._number(stored)
        elif kind == "s":
            found, value = "text", self._shared(stored)
            stored = value
        elif kind in ("str", "inlineStr"):
            found, value = "text", self._checked(stored)
            self._count_characters(value)
        elif kind == "b" and stored in ("0", "1", "true", "false"):
            found, value = "boolean", "1" if stored in ("1", "true") else "0"
        elif kind == "e" and len(stored) <= 32:
            found, value = "error", stored
        elif kind == "d" and len(stored) <= 40:
            found, value = "date", stored
        else:
            raise malformed("value", "The cell holds what its type does not allow.", self._where(column))
        return Cell(column, found, value, stored, self._formula, style) if value or self._formula else None

    def _number(self, stored: str) -> str:
        if _INTEGER.fullmatch(stored):
            return str(int(stored))
        if not _NUMBER.fullmatch(stored):
            raise malformed("value", f"{shown(stored, 20)} is no number.", self._where(self._column))
        text = format(float(stored), ".15g")
        if text in ("inf", "-inf"):
            raise malformed("value", "The number is beyond what a workbook holds.", self._where(self._column))
        text = format(Decimal(text), "f") if "e" in text else text
        return "0" if text == "-0" else text

    def _shared(self, stored: str) -> str:
        if not _INDEX.fullmatch(stored) or int(stored) >= len(self._texts):
            raise malformed("value", "The cell points at no shared text.", self._where(self._column))
        text = self._texts[int(stored)]
        if isinstance(self._texts, PackedTexts):  # of which each cell has its own copy
            self._count_characters(text)
        return text

    def _count_characters(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self._limits.record_characters:
            where = f"row {self._row}"
            raise Refused("file.too-large", "items", "The row holds more text than is read.", where=where)

    def _style(self, stated: str) -> Style:
        if not _INDEX.fullmatch(stated) or int(stated) >= len(self._styles):
            raise malformed("style", "The cell points at no style.", self._where(self._column))
        return self._styles[int(stated)]

    def _merge(self, reference: str) -> None:
        corners = [_REFERENCE.fullmatch(corner) for corner in reference.split(":", 1)]
        numbers = [(int(corner[2]), self._column_of(corner[1])) for corner in corners if corner is not None]
        if len(numbers) == 1 == len(corners):
            numbers *= 2
        if len(numbers) != 2 or numbers[0][0] > numbers[1][0] or numbers[0][1] > numbers[1][1]:
            raise malformed("reference", f"{shown(reference)} is no range.")
        if len(self.merges) >= self._limits.merges:
            raise Refused("file.too-large", "items", "The sheet has more merged ranges than are read.")
        self.merges.append(Merge(*numbers[0], *numbers[1]))

    def _column_of(self, letters: str) -> int:
        number = self._columns.get(letters)
        if number is None:
            number = 0
            for letter in letters:
                number = number * 26 + ord(letter) - 64
            self._columns[letters] = number
            self._letters[number] = letters
        return number

    def _where(self, column: int) -> str:
        letters = ""
        while column:
            column, rest = divmod(column - 1, 26)
            letters = chr(65 + rest) + letters
        return f"{letters}{self._row}"


def malformed(reason: str, detail: str, where: str | None = None) -> Refused:
    """The workbook contradicts ECMA-376, or itself."""
    return Refused("workbook.malformed", reason, detail, where=where)


def _unescaped(text: str, where: str) -> str:
    """`_xHHHH_` as the character that it stands for (ST_Xstring, ECMA-376 section 22.9.2.19)."""
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise malformed("value", "A text holds half of a surrogate pair.", where) from None
