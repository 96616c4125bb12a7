"""A PDF as a file of revisions: what may be judged at all, its signature fields, and what was changed after signing.

Structure and difference analysis by pyHanko, in strict mode and within bounds; ISO 32000-2 sections 7.5 and 12.8.
"""

import hashlib
import io
import itertools
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.pdf_utils.xref import ObjStreamRef
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel, SuspiciousModification
from pyhanko.sign.fields import enumerate_sig_fields

from schemas.verification import Check, failed, passed
from signing.containers.pdf_dictionary import BadDictionary, RawDictionary, read_dictionary
from signing.containers.pdf_sections import TooManyEntries, check_sections
from signing.containers.pdf_syntax import names_among, stretches

logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # what it would log is driven by strangers' bytes

LARGEST_FILE = 32 << 20
MOST_SIGNATURES = 32
_MOST_REVISIONS = 64
_MOST_OBJECTS = 50_000
_MOST_ENTRIES = 2 * _MOST_OBJECTS  # of all tables together
_MOST_COMPARED = 20_000  # objects of a file whose revisions are compared
_MOST_VALUES = 400_000  # in the objects that are compared, once for each revision
_MOST_VALIDATION_DATA = 32
_LARGEST_OBJECT_STREAMS = 32 << 20  # of a file, unpacked
# What pyHanko raises on hostile bytes besides its own errors; found by mutation, see tests/signing/test_pdf_hostile.py.
PDF_FAULTS = (
    PdfError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    ArithmeticError,
    RecursionError,
    EOFError,
    StopIteration,
    zlib.error,
)
# Names that only active or hidden content has: scripts, programs, forms of another language, embedded media.
_ACTIVE = frozenset(
    {"JavaScript", "JS", "Launch", "XFA", "SubmitForm", "ImportData", "RichMedia", "Rendition", "Movie"}
)
# ISO 32000-2 section 7.11.4: every embedded file stands in an /EF, the other two say what it is.
_EMBEDDED = frozenset({"EF", "EmbeddedFile", "EmbeddedFiles"})
_LARGEST_HEAD = 4 << 10
_DIGITS = re.compile(rb"<[0-9A-Fa-f]{256,}>")
_BEGINS = re.compile(rb"/Contents[\x00\t\n\x0c\r ]*<[0-9A-Fa-f]{256}")  # what `_DIGITS` takes can only begin so
_END = re.compile(rb"[\x00\t\n\x0c\r ]*endobj[\x00\t\n\x0c\r ]*.?", re.DOTALL)
_ENTRY = re.compile(rb"[0-9] [nf]")
_OBJECT = re.compile(r"idnum=(\d+)")
_SET = re.compile(r"\{([^{}]*)\}")

Changes = Literal["none", "validation-data", "form", "other"]


class TooMuchToCompare(Exception):
    """To compare the revisions, more would have to be read than is."""


class BadPdf(ValueError):
    """The file cannot be judged as a PDF; `args[0]` is a stable reason slug, `args[1]` an English sentence."""


@dataclass(frozen=True, slots=True)
class Field:
    """A filled signature field: its full name, and where the object that is its value stands."""

    name: str
    number: int
    offset: int | None
    revision: int


class _Reader(PdfFileReader):
    """pyHanko's reader in strict mode, which reads the table of an object stream once and not once for each object.

    Without that, a small file with one large object stream takes minutes to compare. Nor does it go through the value
    of a signature digit by digit: for the comparison of revisions a digest of the digits does as well.
    """

    def __init__(self, data: bytes) -> None:
        self._tables: dict[int, tuple[bytes, dict[int, tuple[int, int]]]] = {}
        self._data = data
        self._values: dict[int, int] = {}
        self._spent = 0
        self._comparing = False
        self._dictionaries: dict[tuple[int, int], RawDictionary] = {}
        super().__init__(io.BytesIO(data), strict=True)

    def _read_object(
        self,
        ref: Any,
        marker: int | ObjStreamRef | None,
        never_decrypt: bool = False,
        as_metadata_stream: bool = False,
    ) -> Any:
        short = _without_value(self._data, marker, ref.idnum, self.dictionary) if isinstance(marker, int) else None
        if short is None:
            found = super()._read_object(ref, marker, never_decrypt, as_metadata_stream)
            self._values[ref.idnum] = max(_values_in(found), self._values.get(ref.idnum, 0))
            return found
        whole, self.stream = self.stream, io.BytesIO(short)
        try:
            return super()._read_object(ref, 0, never_decrypt, as_metadata_stream)
        finally:
            self.stream = whole

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> Any:
        if stmnum not in self._tables:
            self._tables[stmnum] = self._table(stmnum)
        data, places = self._tables[stmnum]
        place, offset = places.get(idnum, (None, 0))
        if place != idx:
            raise PdfReadError("an object is not where its stream says")
        stream = io.BytesIO(data)
        stream.seek(offset)
        found = generic.read_object(stream, generic.Reference(idnum, 0, self))
        self._values[idnum] = max(_values_in(found), self._values.get(idnum, 0))
        if isinstance(found, generic.StreamObject | generic.IndirectObject):
            raise PdfReadError("an object of a kind that no object stream holds")
        return found

    @contextmanager
    def comparing(self) -> Iterator[None]:
        """Around the comparison of two revisions. All that is compared is bounded: `TooMuchToCompare`."""
        if self._spent > _MOST_VALUES:
            raise TooMuchToCompare
        self._comparing = True
        try:
            yield
        finally:
            self._comparing = False

    def get_object(self, ref: Any, *arguments: Any, **more: Any) -> Any:
        """As the library; the copy that each revision makes of an object is what a comparison costs."""
        read: Any = super().get_object  # it states no types
        found = read(ref, *arguments, **more)
        if self._comparing:
            self._spent += self._values.get(ref.idnum, 1)
            if self._spent > _MOST_VALUES:
                raise TooMuchToCompare
        return found

    def unpacked(self, number: int) -> bytes:
        """What is in an object stream, decoded."""
        if number not in self._tables:
            self._tables[number] = self._table(number)
        return self._tables[number][0]

    def _table(self, number: int) -> tuple[bytes, dict[int, tuple[int, int]]]:
        """The decoded stream, and where in it each object stands: its index, and its offset."""
        stream = generic.Reference(number, 0, self).get_object()
        if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
            raise PdfReadError("not an object stream")
        count, first = int(stream["/N"]), int(stream["/First"])
        data = stream.read_data(DecodePurpose.OBJECT_STREAM)
        words = data[:first].split()
        if not 0 <= count <= _MOST_OBJECTS or len(words) < 2 * count or not 0 <= first <= len(data):
            raise PdfReadError("an object stream whose table is not one")
        places: dict[int, tuple[int, int]] = {}
        for place in range(count):
            places.setdefault(int(words[2 * place]), (place, first + int(words[2 * place + 1])))
        return data, places

    def dictionary(self, offset: int, number: int) -> RawDictionary:
        """The dictionary that is the object `number` at `offset`, read once. Raises `BadDictionary`."""
        found = self._dictionaries.get((offset, number))
        if found is None:
            found = self._dictionaries[offset, number] = read_dictionary(self._data, offset, number)
        return found


def _has_large_table(data: bytes) -> bool:
    """Whether there are more entries of cross-reference tables than the reader could go through in time.

    Each ends in a number and `n` or `f`. What has few of these letters after a space need not be looked through.
    """
    if data.count(b" n") + data.count(b" f") <= _MOST_ENTRIES:
        return False
    return sum(1 for _ in _ENTRY.finditer(data)) > _MOST_ENTRIES


def _without_value(data: bytes, offset: int, number: int, read: Callable[[int, int], RawDictionary]) -> bytes | None:
    """The dictionary object at `offset` with the digest of the digits of its /Contents in their place, to `endobj`.

    None if that is not exactly what stands there. The string is exchanged for a shorter one of the same kind: whoever
    reads what is around it otherwise than we do still reads the same. `read` is `read_dictionary` of these data.
    """
    place = data.find(b"/Contents", offset, offset + _LARGEST_HEAD)
    if place < 0 or not _BEGINS.match(data, place) or data.find(b"endobj", offset, place) >= 0:
        return None  # as in every object but a signature
    try:
        dictionary = read(offset, number)
    except BadDictionary:
        return None
    value = dictionary.entries.get("Contents")
    if value is None or not _DIGITS.fullmatch(value.raw):
        return None
    end = _END.match(data, dictionary.end)
    if end is None:
        return None
    digest = hashlib.sha256(value.raw).hexdigest().encode()
    return data[offset : value.start] + b"<" + digest + b">" + data[value.end : end.end()]


class PdfFile:
    """An opened PDF. Raises `BadPdf` if it is none, is encrypted, is ambiguous, or exceeds the bounds."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        if len(data) > LARGEST_FILE:
            raise BadPdf("too-large", f"larger than {LARGEST_FILE} bytes")
        if not data.startswith(b"%PDF-"):
            raise BadPdf("prefix", "the file does not begin with %PDF-")
        if data.count(b"startxref") > _MOST_REVISIONS + 1 or data.count(b" obj") > _MOST_OBJECTS:
            raise BadPdf("too-complex", "too many revisions or objects")
        if _has_large_table(data):
            raise BadPdf("too-complex", "a cross-reference table of too many entries")
        try:
            check_sections(data, _MOST_ENTRIES)
            self._reader: Any = _Reader(data)
            self.revisions: int = self._reader.xrefs.total_revisions
            hybrid = self._reader.xrefs.hybrid_xrefs_present
            encrypted = "/Encrypt" in self._reader.trailer
            self._root = self._reader.root
            objects = sum(len(self._reader.xrefs.explicit_refs_in_revision(one)) for one in range(self.revisions))
        except TooManyEntries as error:
            raise BadPdf("too-complex", "cross-reference streams of too many entries") from error
        except PDF_FAULTS as error:
            raise BadPdf("malformed", _sentence(error)) from error
        if encrypted:
            raise BadPdf("encrypted", "the document is encrypted")
        if hybrid:
            raise BadPdf("hybrid", "two cross-reference tables describe the same revision")
        if self.revisions > _MOST_REVISIONS or objects > _MOST_OBJECTS:
            raise BadPdf("too-complex", "too many revisions or objects")
        self._comparable = objects <= _MOST_COMPARED
        self._steps: dict[int, tuple[Changes, str | None]] = {}

    def fields(self) -> tuple[Field, ...]:
        """The filled signature fields, in the order of the revisions that filled them. Raises `BadPdf`."""
        found: list[Field] = []
        try:
            for name, value, _ in enumerate_sig_fields(self._reader, filled_status=True):
                if not isinstance(value, generic.IndirectObject):
                    raise BadPdf("signature-not-indirect", f"field {name[:80]!r} has no indirect value")
                reference = value.reference
                place = self._reader.xrefs[reference]
                found.append(
                    Field(
                        str(name),
                        reference.idnum,
                        None if isinstance(place, ObjStreamRef) else place,
                        self._reader.xrefs.get_last_change(reference),
                    )
                )
                if len(found) > MOST_SIGNATURES:
                    raise BadPdf("too-complex", f"more than {MOST_SIGNATURES} signatures")
        except PDF_FAULTS as error:
            if isinstance(error, BadPdf):
                raise
            raise BadPdf("malformed", _sentence(error)) from error
        if len({field.number for field in found}) != len(found):
            raise BadPdf("signature-shared", "two fields have the same signature")
        return tuple(sorted(found, key=lambda field: (field.revision, field.name)))

    def dictionary(self, offset: int, number: int) -> RawDictionary:
        """The dictionary that is the object `number` at `offset`. Raises `BadDictionary`."""
        found: RawDictionary = self._reader.dictionary(offset, number)
        return found

    def ends_revision(self, end: int, revision: int) -> bool:
        """Whether the first `end` bytes are this revision and those before it, complete, and nothing of a later one."""
        try:
            stream = io.BytesIO(self.data)
            stream.seek(end)
            xrefs = self._reader.xrefs
            if process_data_at_eof(stream) != xrefs.get_startxref_for_revision(revision):
                return False
            return all(xrefs.get_xref_container_info(one).end_location <= end for one in range(revision + 1))
        except PDF_FAULTS:
            return False

    def changes_since(self, revision: int) -> tuple[Changes, str | None]:
        """The gravest change in the revisions after `revision`, and what it was.

        Each step from one revision to the next is analysed once, whatever the number of signatures.
        """
        gravest: tuple[Changes, str | None] = ("none", None)
        for step in range(revision + 1, self.revisions):
            if step not in self._steps:
                self._steps[step] = self._step(step)
            gravest = max(gravest, self._steps[step], key=lambda change: _GRAVITY[change[0]])
        return gravest

    def has_trailing_bytes(self) -> bool:
        """Whether anything but white space stands after the last end-of-file mark."""
        mark = self.data.rfind(b"%%EOF")
        return mark < 0 or bool(self.data[mark + 5 :].strip(b"\r\n\t \x00"))

    def validation_data(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]:
        """Certificates, revocation lists and OCSP responses of the document security store (ISO 32000-2 12.8.4.3).

        Nobody vouches for them: each is signed by its own issuer, or is worth nothing. What cannot be read is left out.
        """
        try:
            store = self._root.get("/DSS") or {}
            found = tuple(tuple(_streams(store, key)) for key in ("/Certs", "/CRLs", "/OCSPs"))
        except PDF_FAULTS:
            return (), (), ()
        return found[0], found[1], found[2]

    def check_content(self, *, allow_embedded_files: bool = False) -> Check:
        """Nothing in the file acts: no script, launch, form of XFA, or action on opening other than to go to a page.

        A seal stands for what a reader sees: content that can change itself shows what it wants, and a file inside of
        the file is not shown at all.
        """
        rule = "document.pdf-content"
        try:
            opening = self._root.get("/OpenAction")
            if isinstance(opening, generic.DictionaryObject) and opening.get("/S") != "/GoTo":
                return failed(rule, "open-action")
            if "/AA" in self._root:
                return failed(rule, "open-action")
            names = self._names()
        except PDF_FAULTS as error:
            return failed(rule, "unreadable", detail=_sentence(error))
        if active := sorted(names & _ACTIVE):
            return failed(rule, "active-content", names=active)
        embedded = sorted(names & _EMBEDDED)
        if embedded and not allow_embedded_files:
            return failed(rule, "embedded-files", names=embedded)
        return passed(rule, embedded=embedded) if embedded else passed(rule)

    def _names(self) -> set[str]:
        """Which of the names that matter stand in any object of any revision, without stream bodies.

        Streams of objects are those that the tables lead to, whatever they say, and those that say so.
        """
        places, packed = self._places()
        names: set[str] = set()
        for start, end in stretches(self.data, places):
            names |= names_among(self.data[start:end], _ACTIVE | _EMBEDDED)
        left = _LARGEST_OBJECT_STREAMS
        for number in sorted(packed):
            data = self._reader.unpacked(number)
            left -= len(data)
            if left < 0:
                raise BadPdf("too-complex", "object streams that unpack to too much")
            names |= names_among(data, _ACTIVE | _EMBEDDED)
        return names

    def _places(self) -> tuple[set[int], set[int]]:
        """Where objects stand, in any revision, and the numbers of the streams of objects."""
        places: set[int] = set()
        packed: set[int] = set()
        for revision in range(self.revisions):
            for reference in self._reader.xrefs.explicit_refs_in_revision(revision):
                place = self._reader.xrefs.get_historical_ref(reference, revision)
                if isinstance(place, int):
                    if place not in places and self._says_packed(reference.idnum, place):
                        packed.add(reference.idnum)
                    places.add(place)
                elif isinstance(place, ObjStreamRef):
                    packed.add(place.obj_stream_id)
        return places, packed

    def _says_packed(self, number: int, place: int) -> bool:
        """Whether an object calls itself an object stream: a reader that repairs files would look into it."""
        head = self.data[place : place + _LARGEST_HEAD]
        if b"ObjStm" not in head and b"#" not in head:
            return False
        try:
            return read_dictionary(self.data, place, number).name("Type") == "ObjStm"
        except BadDictionary:
            return False

    def _step(self, revision: int) -> tuple[Changes, str | None]:
        if not self._comparable:
            return "other", "too many objects to compare"
        try:
            with self._reader.comparing():
                old, new = (self._reader.get_historical_resolver(one) for one in (revision - 1, revision))
                level = DEFAULT_DIFF_POLICY.apply(old, new).modification_level
        except TooMuchToCompare:
            return "other", "too much to compare"
        except SuspiciousModification as error:
            return "other", _difference(error)
        except PDF_FAULTS as error:
            return "other", _sentence(error)
        if level is ModificationLevel.NONE or level is ModificationLevel.LTA_UPDATES:
            return "validation-data", None
        return ("form", None) if level is ModificationLevel.FORM_FILLING else ("other", "annotations")


def _values_in(found: Any) -> int:
    """How many values an object holds, itself and those within."""
    count, waiting = 0, [found]
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
    return count


def _streams(store: Any, key: str) -> Iterator[bytes]:
    for item in itertools.islice(store.get(key) or (), _MOST_VALIDATION_DATA):
        data = item.get_object().data
        if len(data) <= LARGEST_FILE // 4:
            yield bytes(data)


_GRAVITY: dict[Changes, int] = {"none": 0, "validation-data": 1, "form": 2, "other": 3}


def _difference(error: SuspiciousModification) -> str:
    """What the library found, with the numbers of the objects; its own lists come in another order each time."""
    said = re.split(r"[:{\n]", str(error), maxsplit=1)[0].strip()
    numbers = sorted({int(number) for number in _OBJECT.findall(str(error))})[:20]
    return f"{said[:200]}: objects {', '.join(map(str, numbers))}" if numbers else said[:200]


def _sentence(error: BaseException) -> str:
    """What the library says, its sets in one order: the same file gives the same report in each process."""
    said = str(error).partition("\n")[0] or type(error).__name__
    return _SET.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", said)[:300]
