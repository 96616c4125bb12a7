"""The rows of a registry's list: one clause a row, read by the names of the columns."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from unicodedata import normalize

from adapters.amounts import Rate
from adapters.kinds import spreadsheet_reader
from adapters.problems import Unreadable
from gateway.filing.columns import COLUMNS, FIELD_OF, IGNORED, PERCENT, REQUIRED, STATES
from schemas.identifiers import ClauseParts
from schemas.party import folded
from schemas.verification import Check, failed
from untrusted import Cell, Row

_UNIT = re.compile(r"(.+)\((%|‰)\)")
_INTERVAL = re.compile(r"([a-z_]+):(\d{4}-\d{2}-\d{2}):(\d{4}-\d{2}-\d{2})?", re.ASCII)
_HEADER_WITHIN = 20
_NOTES = ("注", "备注", "说明", "制表", "复核", "审核", "填报")
_ENDED = frozenset({"stopped", "ordered_stop", "withdrawn", "returned"})


@dataclass(frozen=True, slots=True)
class Stated:
    """One filing as its file states it, without its source; `where` it stands, and whose statement it says it is."""

    where: str
    record: dict[str, Any]
    registry: str | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """Which column holds which field, in which unit, and what it is called in the file."""

    fields: Mapping[int, str]
    units: Mapping[int, str | None]
    names: Mapping[int, str]


def read_rows(rows: Sequence[Row], insurers: Mapping[str, str], as_of: date | None) -> Iterator[Stated | Check]:
    """Each row as what it states or what is wrong with it. With a header that cannot be used, only its problems."""
    at = next((at for at, row in enumerate(rows[:_HEADER_WITHIN]) if _is_header(row)), None)
    if at is None:
        yield failed("filing-file.columns", "no-header", names="条款注册号 / registration_no")
        return
    header, problems = _read_header(rows[at], rows[at + 1 :])
    yield from problems
    if problems:
        return
    for row in rows[at + 1 :]:
        if _is_note(row):
            continue
        yield from _RowReader(row, header, insurers, as_of).read()


def _name(cell: Cell) -> tuple[str, str | None]:
    name = "".join(normalize("NFKC", cell.value).split())
    found = _UNIT.fullmatch(name)
    return (found[1], found[2]) if found else (name, None)


def _is_header(row: Row) -> bool:
    return any(FIELD_OF.get(_name(cell)[0]) == "registration_no" for cell in row.cells.values())


def _is_note(row: Row) -> bool:
    stated = [text for cell in row.cells.values() if (text := cell.value.strip())]
    return not stated or (len(stated) == 1 and stated[0].startswith(_NOTES))


def _read_header(head: Row, body: Sequence[Row]) -> tuple[Header, list[Check]]:
    fields: dict[int, str] = {}
    units: dict[int, str | None] = {}
    names: dict[int, str] = {}
    problems: list[Check] = []
    for column, cell in sorted(head.cells.items()):
        name, unit = _name(cell)
        place = f"row {head.number}, column {column}"
        known = FIELD_OF.get(name)
        if known in fields.values():
            problems.append(failed("filing-file.columns", "duplicate", field=place, column=name))
        elif known is not None:
            fields[column], names[column] = known, name
            units[column] = unit or ("%" if name in PERCENT else None)
        elif name and name not in IGNORED:
            problems.append(failed("filing-file.columns", "unaccounted", field=place, column=name))
    nameless = {column for row in body if not _is_note(row) for column in row.cells} - head.cells.keys()
    problems += [failed("filing-file.columns", "nameless", field=f"column {column}") for column in sorted(nameless)]
    needed = [*REQUIRED, *(() if "intervals" in fields.values() else ("state",))]
    for missing in needed:
        if missing not in fields.values():
            name = COLUMNS[missing][1][0]
            problems.append(failed("filing-file.columns", "missing", field=name, column=name))
    return Header(fields, units, names), problems


@dataclass(slots=True)
class _RowReader:
    row: Row
    header: Header
    insurers: Mapping[str, str]
    as_of: date | None
    values: dict[str, Any] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    problems: list[Check] = field(default_factory=list)

    def read(self) -> Iterator[Stated | Check]:
        if self.row.ragged:
            yield failed("filing-file.row", "ragged", field=f"row {self.row.number}", row=self.row.number)
            return
        for column, name in self.header.fields.items():
            cell = self.row.cells.get(column)
            if cell is not None:
                self._read_cell(column, name, cell)
        for name in REQUIRED:
            if name not in self.values and name not in self.unread:
                self._blame_row("missing", name)
        record = self._record()
        if self.problems:
            yield from self.problems
            return
        yield Stated(f"row {self.row.number}", record, self.values.get("registry"), self.values.get("as_of"))

    def _read_cell(self, column: int, name: str, cell: Cell) -> None:
        try:
            value = _read_value(name, cell, self.header.units[column])
        except Unreadable as error:
            self.unread.add(name)
            self._blame(error.rule, error.reason, name, value=cell.value[:100], why=dict(error.facts))
            return
        if value is not None:
            self.values[name] = value

    def _blame_row(self, reason: str, name: str, **facts: Any) -> None:
        self._blame("filing-file.row", reason, name, **facts)

    def _blame(self, rule: str, reason: str, name: str, **facts: Any) -> None:
        shown = next((self.header.names[at] for at, one in self.header.fields.items() if one == name), name)
        place = f"row {self.row.number}, column {shown}"
        self.problems.append(failed(rule, reason, field=place, row=self.row.number, column=shown, **facts))

    def _record(self) -> dict[str, Any]:
        """What the row states as a filing; each contradiction in it is a problem."""
        taken = ("registration_no", "name", "line", "regime", "territory", "clause_text_digest")
        record: dict[str, Any] = {name: self.values[name] for name in taken if name in self.values}
        for name in ("registered_on", "first_used_on"):
            if name in self.values:
                record[name] = self.values[name].isoformat()
        for name in ("rate_min_percent", "rate_max_percent"):
            if name in self.values:
                record[name] = str(self.values[name])
        number = self.values.get("registration_no")
        if number is not None:
            record["kind"] = "main" if ClauseParts(number).kind == "main" else "rider"
            if self.values.get("kind", record["kind"]) != record["kind"]:
                self._blame_row("kind-differs", "kind", of_number=record["kind"])
        record["insurer"] = self._insurer(number)
        record["intervals"] = self._intervals()
        return record

    def _insurer(self, number: str | None) -> str | None:
        """The insurer that the columns name, all of them alike; else the one whose company code the number carries."""
        named: dict[str, str] = {}
        for name in ("insurer", "company_code", "company_name"):
            if name not in self.values:
                continue
            value = str(self.values[name])
            key = value.zfill(6) if name == "company_code" else folded(value)
            found = self.insurers.get(key) or self.insurers.get(value)
            if found is None:
                self._blame_row("insurer-unknown", name, value=value[:100])
            else:
                named[name] = found
        if len(set(named.values())) > 1:
            self._blame_row("insurers-differ", next(iter(named)), insurers=sorted(set(named.values())))
        if named or number is None or not self.unread.isdisjoint({"insurer", "company_code", "company_name"}):
            return next(iter(named.values()), None)
        found = self.insurers.get(ClauseParts(number).company)
        if found is None and not self.problems:
            self._blame_row("insurer-unknown", "registration_no", value=ClauseParts(number).company)
        return found

    def _intervals(self) -> list[dict[str, str]]:
        if "intervals" in self.values:
            return self._written_intervals(self.values["intervals"])
        state, registered = self.values.get("state"), self.values.get("registered_on")
        if state is None or registered is None:
            if state is None and "state" not in self.unread:
                self._blame_row("missing", "state")
            return []
        start: date = self.values.get("in_use_from") or self.values.get("first_used_on") or registered
        ended: date | None = self.values.get("ended_on")
        if state in _ENDED:
            return self._ended(state, start if state != "returned" else registered, ended)
        if ended is None:
            return [_interval(state, start, None)]
        spoken_of = self.as_of or self.values.get("as_of")
        if state == "pending" or spoken_of is None or ended <= spoken_of:
            self._blame_row("state-contradicts-end", "ended_on", state=state, ended_on=str(ended))
            return []
        return self._ended("stopped", start, ended)

    def _ended(self, state: str, start: date, ended: date | None) -> list[dict[str, str]]:
        """A clause that has ended, from the day on which it did: before it was in use, or, if returned, pending."""
        if ended is None:
            if "ended_on" not in self.unread:
                self._blame_row("missing", "ended_on")
            return []
        if ended < start:
            self._blame_row("ends-before-start", "ended_on", start=str(start), ended_on=str(ended))
            return []
        before = "pending" if state == "returned" else "in_use"
        earlier = [_interval(before, start, ended - timedelta(days=1))] if ended > start else []
        return [*earlier, _interval(state, ended, None)]

    def _written_intervals(self, text: str) -> list[dict[str, str]]:
        """`state:from:to` with `;` between them; the last `to` may be empty."""
        intervals: list[dict[str, str]] = []
        for part in text.rstrip(";").split(";"):
            found = _INTERVAL.fullmatch(part.strip())
            if found is None or found[1] not in STATES.values():
                self._blame_row("interval-unreadable", "intervals", value=part[:100])
                continue
            intervals.append({"state": found[1], "from": found[2]} | ({"to": found[3]} if found[3] else {}))
        return intervals


def _read_value(name: str, cell: Cell, unit: str | None) -> Any:
    if cell.kind == "error":
        raise Unreadable("filing-file.row", "cell-error")
    if cell.kind == "blank" and cell.formula:
        raise Unreadable("filing-file.row", "cell-not-computed")
    kind = COLUMNS[name][0]
    if kind.measured == "rate" and cell.kind == "number" and cell.style.is_percent:
        unit = "1"  # the workbook shows 0.02 as 2 %
    value = spreadsheet_reader(kind, unit)(cell.value)
    if isinstance(value, Rate):
        if value.unit is None:
            raise Unreadable("filing-file.row", "rate-without-unit")
        if value.number.digits < 0:
            raise Unreadable("filing-file.row", "rate-negative")
        return value.percent()
    return value


def _interval(state: str, start: date, end: date | None) -> dict[str, str]:
    return {"state": state, "from": start.isoformat()} | ({"to": end.isoformat()} if end is not None else {})
