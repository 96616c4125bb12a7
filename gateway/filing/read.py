"""Registry files: the bytes that a regulator hands over, as filings, or every problem that is in them.

CSV (UTF-8 with byte order mark, or GB18030), a workbook, JSON of the standard schema, or the pages of a source. A file
with a problem anywhere loads nothing, and its problems are told at once, each with its row and column.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import ValidationError

from gateway.filing.list_rows import Stated, read_rows
from gateway.filing.records import RECORD_SEPARATOR, join_pages, read_head, read_records
from gateway.filing.registry import statement_digest
from schemas.filing import Filing, Source
from schemas.verification import Check, failed
from untrusted import Refused, read_json, read_table

MOST_PROBLEMS = 1000
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")
_ENCODINGS = frozenset({"utf-8-sig", "gb18030"})


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """What a file states, or why it is refused: `source` is known if and only if there are no `problems`.

    `is_whole` tells a registry's file, which is all that it states, from a bare JSON array of single statements.
    """

    source: Source | None
    filings: tuple[Filing, ...] = ()
    problems: tuple[Check, ...] = ()
    is_whole: bool = False


def read_registry(
    data: bytes,
    *,
    file_name: str,
    fetched_at: datetime,
    insurers: Mapping[str, str],
    registry: str | None = None,
    as_of: date | None = None,
    may_be_empty: bool = False,
) -> RegistryFile:
    """The filings of one statement of one registry.

    `registry` and `as_of` say whose statement it is and as of which day, unless the file itself does; where both do,
    they have to agree. `insurers` maps 6-digit company codes, folded names and codes to the insurer codes of this
    gateway; JSON states these codes itself. `file_name` only names the file in problems; what it is its bytes say.
    `may_be_empty` lets a registry state that it states nothing any more.
    """
    reader = _Reader(file_name, registry, as_of, may_be_empty)
    is_whole = True
    try:
        kind = recognise(data)
        if kind == "json" or kind == "pages":
            value = read_json(data, bom_allowed=True) if kind == "json" else join_pages(data)
            if isinstance(value, Check):
                return RegistryFile(None, problems=(value,))
            is_whole = isinstance(value, dict)
            records = reader.take(read_records(value)) or reader.nothing(*read_head(value))
        else:
            rows = read_table(data, kind=kind, encodings=_ENCODINGS)
            records = reader.take(read_rows(rows, insurers, as_of))
    except Refused as refused:
        check = failed(refused.rule, refused.reason, field=refused.where, file=file_name, detail=refused.detail)
        return RegistryFile(None, problems=(check,))
    source = reader.source(fetched_at)
    filings = reader.filings(records, source) if source is not None else ()
    if source is None or reader.problems:
        return RegistryFile(None, problems=reader.told())
    return RegistryFile(source, filings, is_whole=is_whole)


def recognise(data: bytes) -> Literal["json", "xlsx", "csv", "pages"]:
    """What the bytes look like; whether they are it, their parser says."""
    if data.startswith(RECORD_SEPARATOR):
        return "pages"
    if data.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        return "xlsx"
    return "json" if _JSON.match(data[:64]) else "csv"


class _Reader:
    """Collects what a file states and everything that is wrong with it."""

    def __init__(self, file_name: str, registry: str | None, as_of: date | None, may_be_empty: bool) -> None:
        self._file = file_name
        self._may_be_empty = may_be_empty
        self._registries = {registry} - {None}
        self._days = {as_of} - {None}
        self.problems: list[Check] = []
        self._count = 0

    def take(self, stated: Iterable[Stated | Check]) -> list[Stated]:
        """The statements; the problems among them are kept."""
        records: list[Stated] = []
        for one in stated:
            if isinstance(one, Check):
                self._blame(one)
                continue
            self._registries |= {one.registry} - {None}
            self._days |= {one.as_of} - {None}
            records.append(one)
        return records

    def nothing(self, registry: str | None, as_of: date | None) -> list[Stated]:
        """No statements: whose and of when they are not, the file itself says."""
        self._registries |= {registry} - {None}
        self._days |= {as_of} - {None}
        return []

    def source(self, fetched_at: datetime) -> Source | None:
        """Whose statement the file is, if exactly one registry and one day are named."""
        for name, found in (("registry", self._registries), ("as_of", self._days)):
            if not found:
                self._blame(failed("filing-file.source", "not-stated", field=name, file=self._file))
            elif len(found) > 1:
                several = sorted(map(str, found))[:10]
                self._blame(failed("filing-file.source", "several", field=name, file=self._file, stated=several))
        if len(self._registries) != 1 or len(self._days) != 1:
            return None
        (registry,), (day,) = self._registries, self._days
        try:
            return Source.model_validate({"registry": registry, "as_of": day, "fetched_at": fetched_at})
        except ValidationError:
            self._blame(failed("filing-file.source", "unreadable", field="registry", file=self._file))
            return None

    def filings(self, records: Iterable[Stated], source: Source) -> tuple[Filing, ...]:
        """Each record as a filing. A number that stands twice is a problem, whether it says the same or not.

        So is a file that states nothing, unless that is meant: it would declare every clause gone.
        """
        found: dict[str, tuple[str, Filing]] = {}
        for stated in records:
            try:
                filing = Filing.model_validate({**stated.record, "source": source})
            except ValidationError as error:
                for one in error.errors(include_url=False, include_input=False, include_context=False)[:20]:
                    path = "/".join(map(str, one["loc"]))
                    between = "/" if stated.where.startswith("/") else ", "
                    field = f"{stated.where}{between}{path}" if path else stated.where
                    self._blame(
                        failed("filing-file.record", "invalid", field=field, error=one["type"], says=one["msg"])
                    )
                continue
            first = found.setdefault(filing.registration_no, (stated.where, filing))
            if first[1] is not filing:
                same = statement_digest(first[1]) == statement_digest(filing)
                self._blame(
                    failed(
                        "filing-file.row",
                        "duplicate" if same else "conflict",
                        field=stated.where,
                        first=first[0],
                        registration_no=filing.registration_no,
                    )
                )
        if not found and not self.problems and not self._may_be_empty:
            self._blame(failed("filing-file.record", "empty", file=self._file))
        return tuple(filing for _, filing in found.values())

    def told(self) -> tuple[Check, ...]:
        """The problems, in order; of very many, the first ones and their number."""
        if self._count <= MOST_PROBLEMS:
            return tuple(self.problems)
        rest = failed("filing-file.record", "more-problems", file=self._file, count=self._count)
        return (*self.problems, rest)

    def _blame(self, problem: Check) -> None:
        self._count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
