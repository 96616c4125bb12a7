"""How many objects the cross-reference sections of a PDF describe: counted before the library goes through them.

A stream of four kilobytes may state a million entries, or a hundred million of no width (ISO 32000-2 section 7.5.8).
"""

import io
from typing import Any

from pyhanko.pdf_utils import generic as untyped
from pyhanko.pdf_utils.misc import PdfReadError, skip_over_whitespace
from pyhanko.pdf_utils.reader import process_data_at_eof
from pyhanko.pdf_utils.xref import XRefBuilder

generic: Any = untyped  # parts of it state no types
_WIDEST = 8  # bytes of a field of an entry: enough for any file
_MOST_SECTIONS = 160  # two for each of so many revisions as are judged, and some


class TooManyEntries(Exception):
    """There are more entries than the library could go through in time."""


def check_sections(data: bytes, most: int) -> None:
    """Follow the sections as the library will, and count the entries of those that are streams.

    Entries of tables take twenty bytes each and are counted by whoever calls. Raises `TooManyEntries`, and what the
    library raises on a file that it cannot read.
    """
    stream = io.BytesIO(data)
    stream.seek(-1, io.SEEK_END)
    start = process_data_at_eof(stream)
    walk: Any = _Sections(data, stream, start, most)
    walk.read_xrefs()


class _Sections(XRefBuilder):
    """The library's way from section to section, which reads no entry on it."""

    def __init__(self, data: bytes, stream: io.BytesIO, start: int, most: int) -> None:
        nobody: Any = None  # an object that asks for others is refused
        super().__init__(handler=nobody, stream=stream, strict=True, last_startxref=start)
        self._data = data
        self._left = most
        self._sections = 0

    def _read_xref_stream(self, declared_startxref: int) -> Any:
        self._enter()
        return self._counted(self._stream_object())

    def _enter(self) -> None:
        self._sections += 1
        if self._sections > _MOST_SECTIONS:
            raise TooManyEntries

    def _stream_object(self) -> Any:
        read: Any = self._read_xref_stream_object
        return read()[1]

    def _counted(self, found: Any) -> Any:
        sizes = _numbers(found.get("/Index", [0, found.get("/Size")]))[1::2]
        if any(size < 0 for size in sizes) or not all(0 <= width <= _WIDEST for width in _numbers(found.get("/W"))):
            raise PdfReadError("a cross-reference stream whose entries are none")
        self._left -= sum(sizes)
        if self._left < 0:
            raise TooManyEntries
        return _previous(found)

    def _read_xref_table(self, declared_startxref: int) -> Any:
        """Nothing but entries stands before the word that ends a table, or the library refuses it."""
        self._enter()
        start = self.stream.tell()
        end = self._data.find(b"trailer", start)
        if end < 0:
            raise PdfReadError("a cross-reference table without an end")
        self.stream.seek(end + len(b"trailer"))
        skip_over_whitespace(self.stream)
        trailer = generic.DictionaryObject.read_from_stream(self.stream, generic.TrailerReference(None))
        if "/XRefStm" in trailer:
            self.stream.seek(int(trailer.raw_get("/XRefStm")))
            self._counted(self._stream_object())
        return _previous(trailer)


def _numbers(value: object) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
        raise PdfReadError("a cross-reference stream whose entries are none")
    return [int(one) for one in value]


def _previous(trailer: Any) -> Any:
    """Where the section before is, as the library reads it."""
    found = trailer.get("/Prev")
    if found is not None and not isinstance(found, generic.NumberObject):
        raise PdfReadError("/Prev is no number")
    return found
