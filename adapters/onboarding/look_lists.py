"""Lists as text: delimited, with quotes or without, and lines of fixed width."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

from adapters.headings import heading, unit_line
from adapters.onboarding.known import ignorable, named
from adapters.onboarding.sample import MOST_ROWS, Field, NotASample, Place, Sample
from adapters.totals import is_note
from untrusted import Record, read_csv

_DELIMITERS = ("|!|", "\x01", "\t", "|", ";", ",")
_HEADER_WITHIN = 20
_LEAST_NAMES = 3


def read_delimited(path: Path, text: str, encodings: tuple[str, ...]) -> Sample | None:
    """The list, if a delimiter makes most of its lines alike."""
    lines = [line for line in text.splitlines() if line.strip()]
    delimiter = _delimiter(lines)
    if delimiter is None:
        return None
    if delimiter == ",":
        records = list(read_csv(text))
    else:
        rows = (line.removesuffix("\r").split(delimiter) for line in text.split("\n"))
        records = [Record(number, tuple(cells)) for number, cells in enumerate(rows, 1)]
    at = header_row([list(record.cells) for record in records[:_HEADER_WITHIN]])
    head = records[at]
    body = [one for one in records[at + 1 :] if any(cell.strip() for cell in one.cells) and not is_note(one)]
    fields = [
        Field(name, " ".join(cell.split()), unit)
        for cell in head.cells
        for name, unit in [heading(cell)]
        if name or cell.strip()
    ]
    places = [index for index, cell in enumerate(head.cells) if cell.strip()]
    for record in body[:MOST_ROWS]:
        for column, one in zip(places, fields, strict=True):
            if column < len(record.cells) and record.cells[column].strip():
                one.values.append((record.cells[column], f"row {record.number}, column {one.header}", record.number))
    sample = Sample(path, "CSV" if delimiter == "," else "TXT", encodings, [Place("", fields, rows=len(body))])
    sample.delimiter = delimiter
    sample.unit_line = unit_line(list(records[:at]))
    sample.said.append(f"表头 header: 行 row {head.number}; 分隔 split by {delimiter!r}")
    return sample


def _delimiter(lines: list[str]) -> str | None:
    """The delimiter that the most lines have equally often."""
    best: tuple[int, int, str] | None = None
    for delimiter in _DELIMITERS:
        counts = Counter(line.count(delimiter) for line in lines if delimiter in line)
        if not counts:
            continue
        often, alike = counts.most_common(1)[0]
        enough = 2 * alike >= len(lines) or (delimiter == "," and sum(counts.values()) * 2 >= len(lines))
        if enough and (best is None or (alike, often) > best[:2]):
            best = (alike, often, delimiter)
    return best[2] if best is not None else None


def header_row(rows: list[list[str]]) -> int:
    """Which row is the header: the one with the most known names; with few, the first that is full of texts."""
    scores = [sum(is_known(cell) for cell in row) for row in rows]
    best = max(range(len(rows)), key=lambda at: scores[at], default=0)
    if rows and scores[best] >= 1:
        return best
    for at, row in enumerate(rows):
        texts = [cell for cell in row if cell.strip()]
        if len(texts) >= _LEAST_NAMES and not any(cell.strip()[0].isdigit() for cell in texts):
            return at
    raise NotASample("no header can be seen within the first 20 rows")


def is_known(cell: str) -> bool:
    """Whether a header cell is one that the table knows."""
    name = heading(cell)[0]
    return bool(name) and (bool(named(name)) or ignorable(name) is not None)


def read_fixed(path: Path, text: str, encodings: tuple[str, ...]) -> Sample | None:
    """The list, if its lines are of one width in bytes; columns are where all lines are blank between them."""
    codec = next(name for name in sorted(encodings) if name != "utf-8-sig")
    lines = [(number, line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    encoded = [(number, line.encode(codec)) for number, line in lines]
    first = lines[0][1] if lines else ""
    has_header = sum(is_known(part) for part in first.split()) >= 2
    body = encoded[1 : MOST_ROWS + 1] if has_header else encoded[:MOST_ROWS]
    if not body or max(len(line) for _, line in body) - min(len(line) for _, line in body) > 1:
        return None
    columns = _runs([line for _, line in encoded[:MOST_ROWS]])
    if len(columns) < _LEAST_NAMES:
        return None
    fields: list[Field] = []
    for start, end in columns:
        header = encoded[0][1][start - 1 : end].decode(codec, "replace").strip() if has_header else f"{start}-{end}"
        one = Field(*_named(header, f"{start}-{end}"))
        for number, line in body:
            value = line[start - 1 : end].decode(codec, "replace").strip()
            if value:
                one.values.append((value, f"line {number}, columns {start}-{end}", number))
        fields.append(one)
    sample = Sample(path, "FIXED", (codec,), [Place("", fields, rows=len(body))])
    sample.columns = tuple((start, end, one.name) for (start, end), one in zip(columns, fields, strict=True))
    sample.skip = encoded[0][0] if has_header else 0
    widths = {len(line) for _, line in encoded[int(has_header) :]}
    sample.width = widths.pop() if len(widths) == 1 else 0
    asked = "按空白推断，请与接口文档核对起止位置 found by blanks: compare first and last places with the layout"
    sample.open_questions.append(("定长列 columns", asked))
    sample.said.append(f"定长 {len(columns)} 列 columns, places in bytes of {codec}")
    return sample


def _named(header: str, place: str) -> tuple[str, str, str | None]:
    name, unit = heading(header)
    return (name or place, header or place, unit)


def _runs(lines: list[bytes]) -> list[tuple[int, int]]:
    """First and last place, from 1, of each run of places that some line fills.

    A column is as wide as the blanks behind it: the next value may be longer.
    """
    width = max(map(len, lines))
    filled = [any(at < len(line) and line[at : at + 1] != b" " for line in lines) for at in range(width)]
    starts = [at for at in range(width) if filled[at] and (at == 0 or not filled[at - 1])]
    ends = [*(after - 1 for _, after in pairwise(starts)), width]
    return [(start + 1, end) for start, end in zip(starts, ends, strict=True)]
