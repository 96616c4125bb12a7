"""ZIP archives that have exactly one reading: what any two tools would disagree about is refused.

Central directory, local headers and data descriptors are parsed and compared here, byte for byte, and must tile the
file without gap or overlap. The standard library's `zipfile` takes no part: it believes the central directory alone.
"""

import io
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import attrgetter
from struct import Struct
from typing import Any, Final, Literal, NamedTuple

from untrusted.inflate import checked, inflated, stored
from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused, refuse_larger, shown
from untrusted.source import FileBytes

_END = Struct("<4s4H2IH")
_END64 = Struct("<4sQ2H2I4Q")
_LOCATOR64 = Struct("<4sIQI")
_CENTRAL = Struct("<4s6H3I5H2I")
_LOCAL = Struct("<4s5H3I2H")
_DESCRIBED, _DESCRIBED64 = Struct("<3I"), Struct("<I2Q")
_FULL = 0xFFFFFFFF
_FULL16 = 0xFFFF

_STORED, _DEFLATED = 0, 8
_DESCRIPTOR, _UTF8 = 0x0008, 0x0800
_ENCRYPTED = 0x2041
_KNOWN_FLAGS = 0x0006 | _DESCRIPTOR | _UTF8  # 0x0006: how hard the deflater tried, means nothing to a reader
_DEFERRED = bytes(12)  # checksum and sizes in a local header that leaves them to the descriptor
_EXTRA_ZIP64, _EXTRA_UNICODE_NAME = 0x0001, 0x7075
_KIND, _REGULAR, _DIRECTORY, _SYMLINK = 0xF000, 0x8000, 0x4000, 0xA000

_SAFE = re.compile(r"(?:(?!\.\.?/)[^/\\\x00-\x1f\x7f]++/)*+(?!\.\.?/?\Z)(?:[^/\\\x00-\x1f\x7f]++/?)?")
_DRIVE = re.compile(r"[A-Za-z]:")
_NESTED: Final = ".zip"
_PIECE = 256 << 10  # bytes that are unpacked at a time


class Entry(NamedTuple):
    """One entry as both of its headers agree: `start` is the offset of its data, sizes in bytes."""

    name: str
    offset: int
    start: int
    end: int
    method: int
    crc: int
    packed: int
    size: int


class Archive:
    """An opened archive: `names` of its files as the central directory lists them, and their bytes on demand.

    `directories` hold no bytes. `reinterpreted` are the names that were read as GBK without the archive saying so;
    whoever relies on one of them reports it.
    """

    def __init__(
        self, data: bytes | FileBytes, entries: tuple[Entry, ...], reinterpreted: tuple[str, ...], slack: int
    ) -> None:
        self._data = data
        self._slack = slack
        self._entries = {entry.name: entry for entry in entries if not entry.name.endswith("/")}
        self._read: dict[str, bytes] = {}
        self.names: tuple[str, ...] = tuple(self._entries)
        self.directories: tuple[str, ...] = tuple(entry.name for entry in entries if entry.name.endswith("/"))
        self.reinterpreted = reinterpreted

    @property
    def raw_order(self) -> tuple[str, ...]:
        """The names as their bytes follow one another."""
        return tuple(sorted(self.names, key=lambda name: self._entries[name].offset))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def size(self, name: str) -> int:
        """How many bytes `name` unpacks to, as stated. Raises `KeyError` for a name that is not there."""
        return self._entries[name].size

    def read(self, name: str) -> bytes:
        """The bytes of `name`, exactly as stated in size and checksum.

        Raises `KeyError` for a name that is not there, `Refused` (`archive.malformed`) if the data contradict their
        headers. What was read is kept: all of it together is bounded by the total that `open_zip` checked.
        """
        if (content := self._read.get(name)) is None:
            content = self._read[name] = _unpack(self._data, self._entries[name], self._slack)
        return content

    def pieces(self, name: str) -> Iterator[bytes]:
        """The same bytes, a piece at a time and not kept; that they are as stated is known behind the last one."""
        return _pieces(self._data, self._entries[name], self._slack)


def open_zip(
    data: bytes | FileBytes, *, limits: Limits = DEFAULT, names: Literal["utf-8", "gbk-flagged"] = "utf-8"
) -> Archive:
    """The archive that is `data`, first byte to last (GB/T 33190 package; PKWARE APPNOTE 6.3.10).

    Names are ASCII, or UTF-8 with flag bit 11; with `names="gbk-flagged"` unflagged other names are read as GBK and
    listed in `Archive.reinterpreted`. Stored and deflated entries only; data are unpacked and checked on `read`.
    Raises `Refused`: `file.too-large`, `archive.malformed`, `archive.ambiguous`, `archive.unsafe-name`,
    `archive.bomb`, `archive.nested`.
    """
    refuse_larger(data, limits.file_bytes)
    count, start, size = _directory(data, limits)
    entries: list[Entry] = []
    reinterpreted: list[str] = []
    at, end = start, start + size
    for _ in range(count):
        entry, at, guessed = _entry(data, at, end, names, limits)
        entries.append(entry)
        if guessed:
            reinterpreted.append(entry.name)
    if at != end:
        raise _ambiguous("directory-size", "The central directory holds more than its entries.")
    _check_tiling(data, entries, start)
    _check_names(entries)
    _check_sizes(entries, limits)
    return Archive(data, tuple(entries), tuple(reinterpreted), limits.slack_bytes)


def _directory(data: bytes | FileBytes, limits: Limits) -> tuple[int, int, int]:
    """Number of entries, offset and size of the central directory; it ends where the end records begin."""
    # Readers search the end record from the back: the last signature must be the real one, or two readers differ.
    tail = max(0, len(data) - _END.size - _FULL16)
    at = data[tail:].rfind(b"PK\x05\x06") + tail
    if at < tail or at + _END.size > len(data):
        raise _malformed("no-end", "There is no end of central directory: this is no ZIP archive, or it is cut off.")
    _, disk, first_disk, here, count, size, start, comment = _unpacked(_END, data, at)
    if at + _END.size + comment != len(data):
        raise _ambiguous("suffix", "Bytes follow the archive that are not its comment.")
    end = at
    if at >= _LOCATOR64.size and data[at - _LOCATOR64.size : at - _LOCATOR64.size + 4] == b"PK\x06\x07":
        end, wide = _directory64(data, at - _LOCATOR64.size)
        for narrow, value, full in zip(
            (disk, first_disk, here, count, size, start), wide, (_FULL16,) * 4 + (_FULL,) * 2, strict=True
        ):
            if narrow not in (value, full):
                raise _ambiguous("zip64", "The two end records contradict each other.")
        disk, first_disk, here, count, size, start = wide
    if disk or first_disk or here != count:
        raise _malformed("several-disks", "The archive is split over several disks.")
    if count > limits.entries:
        raise Refused("archive.bomb", "entries", f"{count} entries are more than {limits.entries}.", entries=count)
    if start + size != end:
        raise _ambiguous("prefix", "The central directory does not stand where the end record says.")
    return count, start, size


def _directory64(data: bytes | FileBytes, locator: int) -> tuple[int, tuple[int, int, int, int, int, int]]:
    _, disk, at, disks = _unpacked(_LOCATOR64, data, locator)
    if disk != 0 or disks > 1 or at + _END64.size != locator:
        raise _ambiguous("zip64", "The ZIP64 locator does not point at the record before it.")
    signature, size, _, _, this, first, here, count, length, start = _unpacked(_END64, data, at)
    if signature != b"PK\x06\x06" or size != _END64.size - 12:
        raise _malformed("zip64", "The ZIP64 end record cannot be read.")
    return at, (this, first, here, count, length, start)


def _unpacked(form: Struct, data: bytes | FileBytes, at: int) -> tuple[Any, ...]:
    """The fields that stand at `at`. Raises `struct.error` past the end."""
    return form.unpack_from(data, at) if isinstance(data, bytes) else form.unpack(data[at : at + form.size])


def _entry(data: bytes | FileBytes, at: int, end: int, names: str, limits: Limits) -> tuple[Entry, int, bool]:
    """The entry whose central header stands at `at`, the offset behind it, and whether its name was guessed."""
    if at + _CENTRAL.size > end:
        raise _malformed("directory", "The central directory is cut off.")
    (signature, _, _, flags, method, _, _, crc, packed, size, named, extra, comment, disk, _, attributes, offset) = (
        _unpacked(_CENTRAL, data, at)
    )
    name_at = at + _CENTRAL.size
    extra_at = name_at + named
    behind = extra_at + extra + comment
    if signature != b"PK\x01\x02" or behind > end:
        raise _malformed("directory", "The central directory cannot be read.")
    raw_name = data[name_at:extra_at]
    name, guessed = _name(raw_name, bool(flags & _UTF8), names, limits.name_bytes)
    start, wide = offset + _LOCAL.size + named, False
    # Most entries say nothing beyond the two headers, and the same in both: flags to lengths, byte for byte.
    here, there = data[at + 8 : at + 32], data[offset + 6 : offset + _LOCAL.size]
    if (
        extra
        or comment
        or disk
        or flags & ~_KNOWN_FLAGS
        or method not in (_STORED, _DEFLATED)
        or not (here == there or (flags & _DESCRIPTOR and here[:8] + _DEFERRED + here[20:] == there))
        or data[offset : offset + 4] != b"PK\x03\x04"
        or data[offset + _LOCAL.size : start] != raw_name
    ):
        where = shown(name)
        if flags & _ENCRYPTED or method == 99:
            raise _malformed("encrypted", "The entry is encrypted.", where)
        if method not in (_STORED, _DEFLATED) or flags & ~_KNOWN_FLAGS:
            raise _malformed("method", f"Method {method} with flags {flags:#06x} is not read.", where)
        if disk not in (0, _FULL16):
            raise _malformed("several-disks", "The archive is split over several disks.", where)
        if comment:
            raise _ambiguous("comment", "The entry carries a comment.", where)
        extras = _extras(data[extra_at : extra_at + extra], where)
        size, packed, offset, disk = _wide(extras.get(_EXTRA_ZIP64), (size, packed, offset, disk), where)
        if disk:
            raise _malformed("several-disks", "The archive is split over several disks.", where)
        _check_unicode_name(extras, name, where)
        _check_kind(attributes, name)
        start, wide = _check_local(data, offset, (flags, method, crc, packed, size), raw_name, name)
    _check_kind(attributes, name)
    stop = start + packed
    if flags & _DESCRIPTOR:
        stop = _check_descriptor(data, stop, (crc, packed, size), wide, name)
    return Entry(name, offset, start, stop, method, crc, packed, size), behind, guessed


def _check_local(
    data: bytes | FileBytes, offset: int, central: tuple[int, int, int, int, int], raw_name: bytes, name: str
) -> tuple[int, bool]:
    """Where the data start, and whether the local header is a ZIP64 one: it must state what the central one does."""
    where = shown(name)
    if offset + _LOCAL.size > len(data):
        raise _malformed("local-header", "The local header lies outside of the file.", where)
    signature, _, flags, method, _, _, crc, packed, size, named, extra = _unpacked(_LOCAL, data, offset)
    if signature != b"PK\x03\x04":
        raise _malformed("local-header", "There is no local header where the central directory points.", where)
    at = offset + _LOCAL.size
    start = at + named + extra
    if data[at : at + named] != raw_name:
        raise _ambiguous("local-name", "Central directory and local header name the entry differently.", where)
    extras = _extras(data[at + named : start], where)
    _check_unicode_name(extras, name, where)
    # Some writers set the name's flag in one place only; for an ASCII name it means nothing.
    ignored = _UTF8 if raw_name.isascii() else 0
    if flags | ignored != central[0] | ignored or method != central[1]:
        raise _ambiguous("local-header", "Central directory and local header state different methods.", where)
    wide = extras.get(_EXTRA_ZIP64)
    deferred = bool(flags & _DESCRIPTOR)
    stated = [packed, size]
    if wide is not None:
        if len(wide) != 16:
            raise _malformed("zip64", "The ZIP64 field of the local header cannot be read.", where)
        widened = (int.from_bytes(wide[8:], "little"), int.from_bytes(wide[:8], "little"))
        for index in (0, 1):
            if stated[index] not in (_FULL, widened[index]) and not (deferred and stated[index] == 0):
                raise _ambiguous("zip64", "The ZIP64 field contradicts its header.", where)
        stated = list(widened)
    for local, agreed in zip((crc, *stated), central[2:], strict=True):
        if local != agreed and not (deferred and local == 0):
            raise _ambiguous("local-sizes", "Central directory and local header state different sizes.", where)
    return start, wide is not None


def _check_descriptor(data: bytes | FileBytes, at: int, central: tuple[int, int, int], wide: bool, name: str) -> int:
    """The end of the data descriptor behind an entry, which states once more what the central header does.

    Its signature is optional (APPNOTE 4.3.9.3). A checksum that reads like the signature could be taken for either:
    the tiling of the file then decides, since only one length leads to the next header.
    """
    body = (_DESCRIBED64 if wide else _DESCRIBED).pack(*central)
    if data[at : at + 4 + len(body)] == b"PK\x07\x08" + body:
        return at + 4 + len(body)
    if data[at : at + len(body)] == body:
        return at + len(body)
    raise _ambiguous("descriptor", "The data descriptor contradicts the central directory.", shown(name))


def _check_tiling(data: bytes | FileBytes, entries: list[Entry], directory: int) -> None:
    """Headers and data follow one another from the first byte to the directory: no gap, no overlap, no prefix."""
    at = 0
    for entry in sorted(entries, key=attrgetter("offset")):
        if entry.offset != at:
            reason = "overlap" if entry.offset < at else "gap" if at else "prefix"
            raise _ambiguous(reason, "The entries do not follow one another without gap or overlap.", shown(entry.name))
        at = entry.end
    if at != directory:
        raise _ambiguous("overlap" if at > directory else "gap", "Bytes between entries and directory are unaccounted.")
    for entry in entries:
        if entry.name.endswith("/") and (entry.size or (entry.packed and _unpack(data, entry, 0))):
            raise _ambiguous("directory-content", "A directory holds data.", shown(entry.name))


def _check_names(entries: list[Entry]) -> None:
    """No two names that any file system or tool would take for one."""
    files: set[str] = set()
    seen: dict[str, str] = {}
    folders: set[str] = set()
    for entry in entries:
        name = entry.name
        key = _folded(name.rstrip("/"))
        if key in seen:
            reason = "duplicate-name" if seen[key] == name else "twin-name"
            raise _ambiguous(reason, f"“{shown(seen[key])}” and this name are one.", shown(name))
        seen[key] = name
        folders.add(key.rpartition("/")[0])
        if not name.endswith("/"):
            files.add(key)
    for folder in _with_parents(folders):
        if folder in files:
            raise _ambiguous("twin-name", "A name is both a file and a directory.", shown(folder))


def _with_parents(folders: set[str]) -> Iterable[str]:
    """These folders and all that they stand in, each once."""
    found: set[str] = set()
    for folder in sorted(folders):
        while folder and folder not in found:
            found.add(folder)
            yield folder
            folder = folder.rpartition("/")[0]


def _check_sizes(entries: list[Entry], limits: Limits) -> None:
    total = 0
    for entry in entries:
        total += entry.size
        if entry.size > limits.entry_bytes or total > limits.unpacked_bytes:
            raise Refused(
                "archive.bomb", "size", "It unpacks to more than is read.", where=shown(entry.name), unpacked=total
            )
        if entry.size > limits.ratio_from_bytes and entry.size > limits.ratio * entry.packed:
            raise Refused(
                "archive.bomb",
                "ratio",
                f"{entry.packed} bytes would unpack to {entry.size}.",
                where=shown(entry.name),
                packed=entry.packed,
                unpacked=entry.size,
            )


@lru_cache(1024)  # the packages of one producer have the same names
def _name(raw: bytes, marked: bool, names: str, longest: int) -> tuple[str, bool]:
    """The name as text, and whether its encoding was guessed; `marked` as UTF-8."""
    guessed = False
    try:
        if marked or raw.isascii():
            name = raw.decode("utf-8")
        elif names == "gbk-flagged":
            name, guessed = raw.decode("gbk"), True
        else:
            raise _unsafe("encoding", "The name is not ASCII and not marked as UTF-8.", repr(raw[:80]))
    except UnicodeDecodeError:
        raise _unsafe("encoding", "The name cannot be decoded.", repr(raw[:80])) from None
    if not raw or len(raw) > longest:
        raise _unsafe("length", f"A name of {len(raw)} bytes is not read.", shown(name))
    if name.startswith("/"):
        raise _unsafe("absolute", "The name is absolute.", shown(name))
    if not _SAFE.fullmatch(name) or _DRIVE.match(name):
        raise _unsafe("path", "The name holds a dot or empty segment, a backslash, control or drive.", shown(name))
    if name.lower().endswith(_NESTED):
        raise Refused("archive.nested", "zip-name", "An archive in an archive is not opened.", where=shown(name))
    return name, guessed


def _extras(field: bytes, where: str) -> dict[int, bytes]:
    """The extra fields by id. Each id at most once, and nothing left over."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(field):
        header = int.from_bytes(field[at : at + 2], "little")
        length = int.from_bytes(field[at + 2 : at + 4], "little")
        if at + 4 + length > len(field) or at + 4 > len(field):
            raise _malformed("extra-field", "The extra fields cannot be read.", where)
        if header in found:
            raise _ambiguous("extra-field", "An extra field stands twice.", where)
        found[header] = field[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _wide(field: bytes | None, narrow: tuple[int, int, int, int], where: str) -> tuple[int, int, int, int]:
    """Sizes, offset and disk with ZIP64 values in place of the full ones (APPNOTE 4.5.3): no more, no fewer."""
    full = (_FULL, _FULL, _FULL, _FULL16)
    if field is None:
        return narrow
    at = 0
    values = list(narrow)
    for index, width in enumerate((8, 8, 8, 4)):
        if narrow[index] == full[index]:
            values[index] = int.from_bytes(field[at : at + width], "little")
            at += width
    if at != len(field) or at == 0:
        raise _ambiguous("zip64", "The ZIP64 field does not hold exactly what the header leaves open.", where)
    return values[0], values[1], values[2], values[3]


def _check_unicode_name(extras: dict[int, bytes], name: str, where: str) -> None:
    """An Info-ZIP Unicode name, which some readers prefer to the header's, must be the same name."""
    field = extras.get(_EXTRA_UNICODE_NAME)
    if field is not None and (field[:1] != b"\x01" or field[5:] != name.encode("utf-8")):
        raise _ambiguous("unicode-name", "An extra field gives the entry another name.", where)


def _check_kind(attributes: int, name: str) -> None:
    """Unix file type, whatever system the header names, since readers do not agree on when to look at it."""
    kind = attributes >> 16 & _KIND
    if kind == _SYMLINK:
        raise _unsafe("symbolic-link", "The entry is a symbolic link.", shown(name))
    if kind not in (0, _REGULAR, _DIRECTORY):
        raise _unsafe("special-file", "The entry is neither file nor directory.", shown(name))
    if kind == (_REGULAR if name.endswith("/") else _DIRECTORY):
        raise _ambiguous("kind", "Name and attributes disagree on whether this is a directory.", shown(name))


def _pieces(data: bytes | FileBytes, entry: Entry, slack: int) -> Iterator[bytes]:
    where, end = shown(entry.name), entry.start + entry.packed
    packed = entry.method != _STORED
    found = inflated(data, entry.start, end, entry.size, slack, where) if packed else stored(data, entry.start, end)
    return checked(found, entry.size, entry.crc, where)


def _unpack(data: bytes | FileBytes, entry: Entry, slack: int) -> bytes:
    if isinstance(data, FileBytes):
        return b"".join(_pieces(data, entry, slack))
    if entry.method == _STORED:
        content = data[entry.start : entry.start + entry.packed]
    else:
        try:
            content, left = _inflate(memoryview(data)[entry.start : entry.start + entry.packed], entry.size)
        except zlib.error:
            raise _malformed("data", "The packed data cannot be unpacked.", shown(entry.name)) from None
        if len(content) == entry.size and (left is None or left > slack):
            raise _malformed("data", "The packed data do not end where the header says.", shown(entry.name))
    if len(content) != entry.size:
        raise _malformed("size", "The data unpack to another size than stated.", shown(entry.name))
    if zlib.crc32(content) != entry.crc:
        raise _malformed("checksum", "The checksum of the data is wrong.", shown(entry.name))
    return content


def _inflate(packed: memoryview, size: int) -> tuple[bytes, int | None]:
    """At most `size` + 1 bytes, and how many packed ones are left behind their end; None if they do not end.

    By pieces into one buffer, so that a large entry is in memory once. Raises `zlib.error`.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    if size < _PIECE and len(packed) <= _PIECE:  # as almost all are
        content = inflater.decompress(packed, size + 1)
        return content, len(inflater.unused_data) if inflater.eof else None
    buffer, at = io.BytesIO(), 0
    while at < len(packed) and not inflater.eof and buffer.tell() <= size:
        buffer.write(inflater.decompress(packed[at : at + _PIECE], size + 1 - buffer.tell()))
        at += _PIECE
    left = len(inflater.unused_data) + max(0, len(packed) - at)
    return buffer.getvalue(), left if inflater.eof else None


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _malformed(reason: str, detail: str, where: str | None = None) -> Refused:
    return Refused("archive.malformed", reason, detail, where=where)


def _ambiguous(reason: str, detail: str, where: str | None = None) -> Refused:
    return Refused("archive.ambiguous", reason, detail, where=where)


def _unsafe(reason: str, detail: str, where: str) -> Refused:
    return Refused("archive.unsafe-name", reason, detail, where=where)
