"""A signature dictionary as it stands in the file, read byte by byte (ISO 32000-2 sections 7.3 and 12.8.1).

Libraries give the value of a key; what defeats forgeries is where it stands: the one hole that a signature leaves in
the bytes that it covers must be its own value and nothing else.
"""

import re
from dataclasses import dataclass

from signing.containers import ber
from signing.containers.der import NotAsExpected

_WHITE = b"\x00\t\n\x0c\r "
_DELIMITERS = b"()<>[]{}/%"
_NAME = re.compile(rb"/[^\x00\t\n\x0c\r ()<>\[\]{}/%]*")
_WORD = re.compile(rb"[^\x00\t\n\x0c\r ()<>\[\]{}/%]+")
_HEADER = re.compile(rb"[\x00\t\n\x0c\r ]*(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj")
_NUMBER = re.compile(rb"\d{1,10}")
_HEX = re.compile(rb"[0-9A-Fa-f]*")
_DEEPEST = 16
_MOST_TOKENS = 20_000
LARGEST_CONTENTS = 4 << 20  # hex digits


class BadDictionary(ValueError):
    """The bytes at that place are not one dictionary; `args[0]` is a stable reason slug."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one key: where it starts and ends, and its bytes as written."""

    start: int
    end: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class RawDictionary:
    """The entries of an indirect dictionary object by key, in the places where they stand in the file."""

    start: int
    end: int
    entries: dict[str, Entry]

    def name(self, key: str) -> str | None:
        """The value of `key`, if it is a name."""
        entry = self.entries.get(key)
        return _name(entry.raw) if entry is not None and entry.raw.startswith(b"/") else None


@dataclass(frozen=True, slots=True)
class Hole:
    """The two ranges of a signature, and its value in the hole between them: DER octets without padding."""

    first: int
    second: int
    end: int
    value: bytes

    def covered(self, data: bytes) -> bytes:
        """The bytes under the signature: one copy of a file that may be large, and none in between."""
        whole = memoryview(data)
        return b"".join((whole[: self.first], whole[self.second : self.end]))


def read_dictionary(data: bytes, offset: int, number: int) -> RawDictionary:
    """The dictionary that is the indirect object `number` at `offset`.

    Raises `BadDictionary`: `not-an-object`, `not-a-dictionary`, `key-twice`, `too-complex`.
    """
    header = _HEADER.match(data, offset, offset + 64)
    if header is None or int(header[1]) != number:
        raise BadDictionary("not-an-object")
    tokens = _Tokens(data, header.end())
    start, _, token = tokens.next()
    if token != b"<<":
        raise BadDictionary("not-a-dictionary")
    entries: dict[str, Entry] = {}
    while True:
        _, key_end, key = tokens.next()
        if key == b">>":
            return RawDictionary(start, key_end, entries)
        if not key.startswith(b"/"):
            raise BadDictionary("not-a-dictionary")
        name = _name(key)
        if name in entries:
            raise BadDictionary("key-twice")
        value_start, value_end = tokens.skip_value()
        entries[name] = Entry(value_start, value_end, data[value_start:value_end])


def read_hole(data: bytes, dictionary: RawDictionary) -> Hole:
    """The ranges of /ByteRange and the value of /Contents, which must be exactly the hole that the ranges leave.

    Raises `BadDictionary`: `byte-range-malformed`, `byte-range-start`, `byte-range-outside`, `contents-not-hex`,
    `gap-is-not-contents`, `dictionary-not-covered`, `contents-malformed`, `contents-padding`.
    """
    first, second, end = _ranges(dictionary, len(data))
    contents = dictionary.entries.get("Contents")
    if contents is None or contents.raw[:1] != b"<" or contents.raw[:2] == b"<<":
        raise BadDictionary("contents-not-hex")
    if (contents.start, contents.end) != (first, second):
        raise BadDictionary("gap-is-not-contents")
    if not (dictionary.start < first and dictionary.end <= end):
        raise BadDictionary("dictionary-not-covered")
    digits = contents.raw[1:-1]
    if len(digits) > LARGEST_CONTENTS or len(digits) % 2 or not _HEX.fullmatch(digits):
        raise BadDictionary("contents-not-hex")
    return Hole(first, second, end, _without_padding(bytes.fromhex(digits.decode("ascii"))))


def _ranges(dictionary: RawDictionary, size: int) -> tuple[int, int, int]:
    entry = dictionary.entries.get("ByteRange")
    if entry is None or entry.raw[:1] != b"[" or entry.raw[-1:] != b"]":
        raise BadDictionary("byte-range-malformed")
    words = entry.raw[1:-1].split()
    if len(words) != 4 or not all(_NUMBER.fullmatch(word) for word in words):
        raise BadDictionary("byte-range-malformed")
    start, first, second, length = (int(word) for word in words)
    if start != 0:
        raise BadDictionary("byte-range-start")
    if not 0 < first < second or second + length > size or length == 0:
        raise BadDictionary("byte-range-outside")
    return first, second, second + length


def _without_padding(octets: bytes) -> bytes:
    """The value at the start, DER or with an indefinite length; after it there may be zeros alone."""
    if ber.looks_indefinite(octets):
        try:
            end = ber.end_of(octets)
        except NotAsExpected as error:
            raise BadDictionary("contents-malformed") from error
        if octets[end:].strip(b"\x00"):
            raise BadDictionary("contents-padding")
        return octets[:end]
    if len(octets) < 2 or octets[0] != 0x30:
        raise BadDictionary("contents-malformed")
    length, head = octets[1], 2
    if length >= 0x80:
        count = length & 0x7F
        if not 0 < count <= 4:
            raise BadDictionary("contents-malformed")
        head += count
        length = int.from_bytes(octets[2:head], "big")
    if head + length > len(octets):
        raise BadDictionary("contents-malformed")
    if octets[head + length :].strip(b"\x00"):
        raise BadDictionary("contents-padding")
    return octets[: head + length]


def end_of_object(data: bytes, offset: int) -> int:
    """Where the value of the indirect object at `offset` ends; only `endobj` or a stream body may follow.

    Raises `BadDictionary`.
    """
    header = _HEADER.match(data, offset, offset + 64)
    if header is None:
        raise BadDictionary("not-an-object")
    return _Tokens(data, header.end()).skip_value()[1]


def unescaped(name: bytes) -> str:
    """The text of a name that is written with its slash and its escapes."""
    return _name(name)


def _name(token: bytes) -> str:
    return re.sub(rb"#([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), token[1:]).decode("latin-1")


class _Tokens:
    """The tokens of PDF syntax from a place in the file."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at, self._left = data, at, _MOST_TOKENS

    def next(self) -> tuple[int, int, bytes]:
        """Start, end and bytes of the next token; a string is one token, as are `<<`, `>>`, `[` and `]`."""
        self._left -= 1
        if self._left < 0:
            raise BadDictionary("too-complex")
        data = self._data
        start = self._skip_white()
        two, one = data[start : start + 2], data[start : start + 1]
        if two in (b"<<", b">>"):
            end = start + 2
        elif one == b"/":
            found = _NAME.match(data, start)
            end = found.end() if found else start + 1
        elif one == b"(":
            end = self._string_end(start)
        elif one == b"<":
            end = data.find(b">", start, start + LARGEST_CONTENTS + 2) + 1
            if end == 0:
                raise BadDictionary("not-a-dictionary")
        elif one in (b"[", b"]"):
            end = start + 1
        else:
            word = _WORD.match(data, start)
            if word is None:
                raise BadDictionary("not-a-dictionary")
            end = word.end()
        self._at = end
        return start, end, data[start:end] if end - start < 256 else one

    def skip_value(self) -> tuple[int, int]:
        """Start and end of the next value, of which a reference `12 0 R` is one."""
        start, end, token = self.next()
        depth = _opens(token)
        while depth:
            _, end, token = self.next()
            depth += _opens(token)
            if not 0 <= depth <= _DEEPEST:
                raise BadDictionary("too-complex")
        if token in (b">>", b"]") and start + len(token) == end:
            raise BadDictionary("not-a-dictionary")
        if _NUMBER.fullmatch(token) and (reference := _REFERENCE.match(self._data, start)):
            end = self._at = reference.end()
        return start, end

    def _skip_white(self) -> int:
        at, data = self._at, self._data
        while at < len(data):
            if data[at] in _WHITE:
                at += 1
            elif data[at : at + 1] == b"%":
                ends = [found for found in (data.find(b"\n", at), data.find(b"\r", at)) if found >= 0]
                at = min(ends, default=len(data))
            else:
                return at
        raise BadDictionary("not-a-dictionary")

    def _string_end(self, start: int) -> int:
        depth, at, data = 0, start, self._data
        for found in _PARENTHESES.finditer(data, start, start + (1 << 20)):
            at = found.end()
            if found[0] == b"(":
                depth += 1
            elif found[0] == b")":
                depth -= 1
                if depth == 0:
                    return at
        raise BadDictionary("not-a-dictionary")


_PARENTHESES = re.compile(rb"\\.|[()]", re.DOTALL)
_REFERENCE = re.compile(rb"\d{1,10}[\x00\t\n\x0c\r ]+\d{1,5}[\x00\t\n\x0c\r ]+R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])")


def _opens(token: bytes) -> int:
    return 1 if token in (b"<<", b"[") else -1 if token in (b">>", b"]") else 0
