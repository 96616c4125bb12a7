"""Totals rows and notes of a list (DIALECTS 0.9): a total is the exact sum of the listed values that it covers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from adapters.problems import Problem, Unreadable
from schemas.money import Yuan
from untrusted import Record

_PART_TOTALS = ("小计", "本页合计")
_TOTALS = frozenset({*_PART_TOTALS, "合计", "总计", "total", "totals"})
_TOTAL_STARTS = frozenset("小本合总tTｔＴ")
_NOTE_STARTS = ("注", "备注", "说明", "制表", "复核", "审核", "单位", "填报")


def is_note(record: Record) -> bool:
    """A row whose only cell that is not blank is a remark of the people who made the list."""
    only = ""
    for cell in record.cells:
        if cell and (text := cell.strip()):
            if only:
                return False
            only = text
    return only.startswith(_NOTE_STARTS)


def total_word(record: Record, key_index: int) -> str | None:
    """The word that makes this a totals row, in its first three cells or in the policy number's; else `None`."""
    cells = record.cells
    candidates = cells[:3] if key_index < 3 or key_index >= len(cells) else (*cells[:3], cells[key_index])
    for cell in candidates:
        if cell and (text := cell.lstrip()) and text[0] in _TOTAL_STARTS and len(text) < 40:
            word = "".join(normalize("NFKC", text).split()).lower().removesuffix(":")
            if word in _TOTALS:
                return word
    return None


@dataclass(frozen=True, slots=True)
class MoneyColumn:
    """A column of amounts: where it is, its canonical field, and how a cell of it is read."""

    index: int
    field: str
    read: Callable[[str], Any]


class Sums:
    """Running sums of the columns of amounts, in fen, and how many cells of each could not be read.

    `where` is the place of a cell, by its record and its index there.
    """

    def __init__(self, columns: list[MoneyColumn], where: Callable[[Record, int], str] | None = None) -> None:
        self._columns = columns
        self._where = where or _row_and_column
        self._fen = [0] * len(columns)
        self._unread = [0] * len(columns)
        self._since: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, record: Record) -> None:
        """Count the amounts of a data row, whatever becomes of it. The cells of a ragged row are a guess: unread."""
        for at, column in enumerate(self._columns):
            cell = _cell(record, column.index)
            try:
                amount = column.read(cell) if cell and not record.ragged else None
            except Unreadable:
                self._unread[at] += 1
                continue
            if amount is not None:
                self._fen[at] += amount.fen
            elif record.ragged:
                self._unread[at] += 1

    def compare(self, record: Record, word: str) -> tuple[Problem, ...]:
        """What does not add up in a totals row. A part total covers the rows since the last one of its word.

        A column in which a covered value could not be read is not compared.
        """
        zero = [0] * len(self._columns)
        fen_before, unread_before = self._since.get(word, (zero, zero))
        problems = [
            problem
            for at, column in enumerate(self._columns)
            if self._unread[at] == unread_before[at]
            if (problem := self._difference(record, column, self._fen[at] - fen_before[at])) is not None
        ]
        if word in _PART_TOTALS:
            self._since[word] = (self._fen[:], self._unread[:])
        return tuple(problems)

    def _difference(self, record: Record, column: MoneyColumn, listed: int) -> Problem | None:
        cell = _cell(record, column.index)
        reason = "sum-differs"
        try:
            total = column.read(cell)
        except Unreadable as error:
            if error.rule == "cell.formula-uncached":  # the total was never computed: there is nothing to compare
                return None
            reason = "total-unreadable"
        else:
            if total is None or total.fen == listed:
                return None
        where = self._where(record, column.index)
        return Problem(
            "row.total-mismatch", column.field, "N", reason, raw=cell, where=where, facts={"listed": str(Yuan(listed))}
        )


def sums_above(
    records: Iterable[Record],
    number: int,
    columns: list[MoneyColumn],
    where: Callable[[Record, int], str] | None = None,
    skips: Callable[[Record], bool] = is_note,
) -> Sums:
    """The sums of the data rows above the first totals row, which is record `number`. A list without one sums nothing.

    Records that it `skips` are no data. Above the first totals row there is no other.
    """
    sums = Sums(columns, where)
    for record in records:
        if record.number >= number:
            break
        if not skips(record):
            sums.add(record)
    return sums


def _row_and_column(record: Record, index: int) -> str:
    return f"row {record.number}, column {index + 1}"


def _cell(record: Record, index: int) -> str:
    return record.cells[index] if index < len(record.cells) else ""
