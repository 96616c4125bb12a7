"""Every way in which a file may have changed since its format was agreed, one at a time and field by field.

Each mutation is a name, for a message, and the changed file. `fields` of a mutation are all that the file has: nothing
is drawn by chance.
"""

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from schemas.archive import write_archive

Mutation = tuple[str, bytes]

_ELEMENT = re.compile(r"(<|&lt;)([\w.:-]+)((?: [^<>&]*)?)(>|&gt;)([^<&]*)\1/\2\4")
_ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk", "gb2312", "big5", "utf-16", "utf-16-le", "utf-32")


def mutations(code: str, data: bytes) -> Iterator[Mutation]:
    """All mutations of a file of this format."""
    if code == "DIA-EINV-XML" and data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        for name in entries:
            if name.endswith(".xml"):
                yield from (
                    (f"{name} {what}", write_archive(entries | {name: new})) for what, new in _xml(entries[name])
                )
    elif code == "DIA-XLSX-BDX":
        yield from _workbook(data)
    elif code.endswith("-XML"):
        yield from _xml(data)
    elif code.endswith("-JSON"):
        yield from _json(data)
    elif code == "DIA-ACORD-AL3":
        yield from _groups(data)
    else:
        yield from _delimited(code, data)


def _encoded(text: str, own: str) -> Iterator[Mutation]:
    for encoding in _ENCODINGS:
        if encoding != own:
            try:
                yield f"encoded {encoding}", text.encode(encoding)
            except UnicodeEncodeError:
                continue


def _xml(data: bytes) -> Iterator[Mutation]:
    """Each leaf added to, renamed, dropped, doubled, made a group; the text in other encodings, truly and not."""
    declared = re.search(rb'<\?xml[^>]*encoding="([^"]*)"', data)
    own = "gb18030" if declared and declared[1].upper().startswith(b"GB") else "utf-8"
    text = data.decode(own)
    for found in _ELEMENT.finditer(text):
        old, (start, name, marks, end, inner) = found[0], found.groups()
        for way, new in {
            "added": f"{old}{start}{name}New{end}1{start}/{name}New{end}",
            "attribute": old.replace(name, f'{name} new="1"' if start == "<" else f"{name} new=&quot;1&quot;", 1),
            "renamed": f"{start}{name}_{marks}{end}{inner}{start}/{name}_{end}",
            "other case": f"{start}{name.swapcase()}{marks}{end}{inner}{start}/{name.swapcase()}{end}",
            "dropped": "",
            "emptied": f"{start}{name}{marks}{end}{start}/{name}{end}",
            "doubled": old + old,
            "grouped": f"{start}{name}{marks}{end}{start}x{end}{inner}{start}/x{end}{start}/{name}{end}",
        }.items():
            yield f"{name} {way}", (text[: found.start()] + new + text[found.end() :]).encode(own)
    yield from _encoded(text, own)
    for declaration in ("UTF-8", "GBK", "GB2312", "GB18030", "BIG5", "ISO-8859-1", "UTF-16"):
        if declared:
            prolog = data.replace(declared[0], declared[0].replace(declared[1], declaration.encode()), 1)
        else:
            prolog = f'<?xml version="1.0" encoding="{declaration}"?>'.encode() + data
        yield f"declared {declaration}", prolog


def _json(data: bytes) -> Iterator[Mutation]:
    """Each member added to, renamed, dropped, doubled, and as every other type of JSON."""
    text = data.decode("utf-8")
    lines = text.splitlines() if "\n{" in text and not text.startswith("[") and _is_lines(text) else [text]
    for place, line in enumerate(lines):
        for what, value in _members(json.loads(line)):
            changed = [*lines[:place], json.dumps(value, ensure_ascii=False), *lines[place + 1 :]]
            yield what, "\n".join(changed).encode()
    yield from _encoded(text, "utf-8")


def _is_lines(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """A copy of the tree for each member and each way of changing it."""
    for path in list(_paths(value)):
        *_, name = path
        for way in ("added", "renamed", "other case", "dropped", "null", "true", "list", "object", "number", "text"):
            copy = deepcopy(value)
            holder = copy
            for step in path[:-1]:
                holder = holder[step]
            item = holder[name]
            if way == "added":
                holder[f"{name}New"] = "1"
            elif way in ("renamed", "other case"):
                other = f"{name}_" if way == "renamed" else name.swapcase()
                if other == name:
                    continue
                holder[other] = holder.pop(name)
            elif way == "dropped":
                del holder[name]
            elif way == "number":
                if not isinstance(item, str) or not re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", item):
                    continue
                holder[name] = json.loads(item)
            else:
                same = {"null": None, "true": True, "list": [item], "object": {"v": item}, "text": f"{item}"}[way]
                holder[name] = same
            yield f"{'/'.join(map(str, path))} {way}", copy


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for name, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict):
            yield (*above, name)
        if isinstance(item, dict | list):
            yield from _paths(item, (*above, name))


# Behind which header another unit still is what the file says: nothing in the row could contradict it.
_UNIT = re.compile(r"[（(](元|千元|万元|亿元|%|‰|％)[）)]")


def _delimited(code: str, data: bytes) -> Iterator[Mutation]:
    """Each column added to, renamed, dropped, doubled; each cell as another type; units; encodings."""
    packed = data.startswith(b"\x1f\x8b")
    data = gzip.decompress(data) if packed else data
    own = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "gb18030" if code == "DIA-CSV-LIST" else "utf-8"
    if code == "DIA-EAST-TXT":
        own = "gb18030" if b"GB18030" in data.split(b"\n")[0] else "utf-8"
    by = "," if code != "DIA-EAST-TXT" else "|!|" if b"|!|" in data else "\x01"
    text = data.decode(own)
    rows = list(csv.reader(io.StringIO(text))) if by == "," else [line.split(by) for line in text.rstrip().split("\n")]
    head = next(n for n, row in enumerate(rows) if len(row) > 5)

    def written(changed: list[list[str]]) -> bytes:
        if by == ",":
            output = io.StringIO()
            csv.writer(output, lineterminator="\n").writerows(changed)
            whole = output.getvalue().encode(own)
        else:
            whole = "\n".join(by.join(row) for row in changed).encode(own)
        return gzip.compress(whole) if packed else whole

    for column, name in enumerate(rows[head]):
        for what, changed in _columns(rows, head, column):
            yield f"{name} {what}", written(changed)
    for place, row in enumerate(rows[head + 1 :], head + 1):
        for column, cell in enumerate(row):
            for what, other in _cells(cell):
                copy = [*rows[:place], [*row[:column], other, *row[column + 1 :]], *rows[place + 1 :]]
                yield f"row {place} column {column} {what}", written(copy)
    for place, row in enumerate(rows[:head]):
        for column, cell in enumerate(row):
            if "单位" in cell:
                for other in ("", "单位：", "单位：美元", "单位：十万元"):
                    copy = [*rows[:place], [*row[:column], other, *row[column + 1 :]], *rows[place + 1 :]]
                    yield f"unit line {other}", written(copy)
    for what, new in _encoded(text, own):
        yield what, gzip.compress(new) if packed else new


def _columns(rows: list[list[str]], head: int, column: int) -> Iterator[tuple[str, list[list[str]]]]:
    name = rows[head][column]

    def each(change: Any) -> list[list[str]]:
        return [
            change(row, n) if n >= head and column < len(row) and len(row) == len(rows[head]) else row
            for n, row in enumerate(rows)
        ]

    def header(other: str) -> list[list[str]]:
        return [*rows[:head], [*rows[head][:column], other, *rows[head][column + 1 :]], *rows[head + 1 :]]

    yield "added", each(lambda row, n: [*row[:column], "新列" if n == head else "1", *row[column:]])
    yield "renamed", header(f"{name}X")
    yield "unnamed", header("")
    yield "dropped", each(lambda row, _: [*row[:column], *row[column + 1 :]])
    yield "emptied", each(lambda row, n: row if n == head else [*row[:column], "", *row[column + 1 :]])
    yield "doubled", each(lambda row, _: [*row[:column], row[column], *row[column:]])
    if found := _UNIT.search(name):
        for unit in ("", "（美元）", "（%%）", "（十万元）"):
            yield f"unit {unit or 'none'}", header(name.replace(found[0], unit))


def _cells(cell: str) -> Iterator[tuple[str, str]]:
    """The same content as another type, as programs make it."""
    if cell:
        yield "protected", f'="{cell}"'
        yield "formula", f"={cell}"
    if re.fullmatch(r"[0-9A-Za-z.,/%-]+", cell):  # of a name they would be part
        yield "apostrophe", f"'{cell}"
        yield "full width", "".join(chr(ord(one) + 0xFEE0) for one in cell)
    if re.fullmatch(r"[0-9,]{4,}(\.[0-9]+)?", cell):
        number = cell.replace(",", "")
        yield "scientific", f"{float(number):.2E}"
        yield "comma for a point", number.replace(".", ",") + (",00" if "." not in number else "")
        yield "in letters", "甲"


_TEXTS = {"5BIS": range(31, 91), "5BPI": range(31, 56), "2TRG": range(171, 191)}  # names and numbers: any text is one


def _groups(data: bytes) -> Iterator[Mutation]:
    """Each blank column filled, each digit a letter, each group of another tag or length, dropped, doubled."""
    at = 0
    while at < len(data):
        if data[at : at + 1] in b"\r\n":
            at += 1
            continue
        length = int(data[at + 4 : at + 7])
        group = data[at : at + length]
        before, after, tag = data[:at], data[at + length :], group[:4].decode()
        yield f"{tag} renamed", before + b"9XYZ" + group[4:] + after
        yield f"{tag} dropped", before + after
        yield f"{tag} doubled", before + group + group + after
        yield f"{tag} longer", before + group[:4] + b"%03d" % (length + 1) + group[7:] + b" " + after
        yield f"{tag} a column less", before + group[:-1] + after
        for column in range(30, length):
            if column + 1 in _TEXTS.get(tag, ()):
                continue
            old = group[column : column + 1]
            if old == b" " and column % 4:  # blank columns stand in rows
                continue
            for new in (b"X", b"}") if old.isdigit() or old in b" +-" else ():
                yield (
                    f"{tag} column {column + 1} {new.decode()}",
                    (before + group[:column] + new + group[column + 1 :] + after),
                )
        at += length


_CELL = re.compile(r'<c r="([A-Z]+)([0-9]+)"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)


def _workbook(data: bytes) -> Iterator[Mutation]:
    """Each header cell renamed, emptied, doubled; each number as text, formula, truth value, error; the parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in [name for name in parts if "worksheets/" in name]:
        text = parts[name].decode()

        def written(new: str, part: str = name) -> bytes:
            return write_archive(parts | {part: new.encode()})

        header = (
            max(int(found[2]) for found in _CELL.finditer(text) if re.search("保单信息|保单号", found[0]))
            if "保单信息" in text
            else 0
        )
        for found in _CELL.finditer(text):
            for what, new in _sheet_cells(found, header):
                yield f"{found[1]}{found[2]} {what}", written(text[: found.start()] + new + text[found.end() :])
        for merged in re.finditer(r'<mergeCell ref="[^"]*"/>', text):
            yield f"{merged[0]} dropped", written(text.replace(merged[0], "", 1))
        for encoding in ("utf-16", "gb18030"):
            yield f"{name} encoded {encoding}", write_archive(parts | {name: text.encode(encoding)})
        yield f"{name} dropped", write_archive({part: content for part, content in parts.items() if part != name})


def _sheet_cells(found: re.Match[str], header: int) -> Iterator[tuple[str, str]]:
    column, row, marks, inner = found[1], found[2], found[3], found[4] or ""
    at = f'r="{column}{row}"'
    plain = re.sub(r' t="[^"]*"', "", marks)
    if said := re.search(r"<t[^>]*>(.*?)</t>", inner, re.DOTALL):
        if int(row) <= header:
            yield "renamed", found[0].replace(said[0], f"<t>{said[1]}X</t>")
            yield "emptied", ""
        if re.fullmatch(r"[0-9]{16,}", said[1]):
            yield "a number", f"<c {at}{plain}><v>{said[1]}</v></c>"
        yield "a formula", f'<c {at}{plain} t="str"><f>A1</f><v>{said[1]}</v></c>'
        yield "an error", f'<c {at}{plain} t="e"><v>#REF!</v></c>'
    elif stored := re.search(r"<v>(.*?)</v>", inner):
        yield "a text", f'<c {at}{plain} t="inlineStr"><is><t>{stored[1]}</t></is></c>'
        yield "a truth value", f'<c {at}{plain} t="b"><v>1</v></c>'
        yield "a formula", f"<c {at}{plain}><f>A1</f><v>{stored[1]}</v></c>"
        yield "a formula without value", f"<c {at}{plain}><f>A1</f></c>"
        yield "an error", f'<c {at}{plain} t="e"><v>#N/A</v></c>'


def leaves(record: Any, above: str = "") -> set[tuple[str, str]]:
    """Path and value of each leaf; places in lists do not count."""
    if isinstance(record, dict):
        return {leaf for name, item in record.items() for leaf in leaves(item, f"{above}.{name}")}
    if isinstance(record, list):
        return {leaf for item in record for leaf in leaves(item, f"{above}.*")}
    return {(above, json.dumps(record, ensure_ascii=False))}
