"""The text of a PDF document as its pages show it, by pdfium, bounded; and text that they do not show.

Lines are what stands on one height of the page, from left to right: in what order a producer drew it means nothing.
"""

import ctypes
from collections.abc import Iterable, Iterator
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

import pypdfium2 as pdfium
from pypdfium2 import raw as pdfium_c

from adapters.document_model import GAP, MAX_OBJECTS, MAX_PAGES, Line, Unusable
from untrusted import DEFAULT

_PDFIUM = Lock()  # the library is not made for threads
_INVISIBLE = frozenset({pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP})
_PLAIN_ANNOTATIONS = frozenset({pdfium_c.FPDF_ANNOT_LINK, pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_POPUP})
_JOINED = 0x02  # where a line ends in a hyphen, pdfium writes this and runs the next line on
_BLANK, _BREAKS = 0x20, frozenset({0x00, 0x0A, 0x0D})
_SAME_LINE = 2.0  # points between the baselines of what stands on one line
_OVERLAP, _SPACE, _COLUMN = 0.5, 0.3, 1.0  # of the font size, between what is one word, two words, two columns
_WHITE = 245  # of 255
_DEPTH = 16  # of forms within forms
MAX_CHARACTERS = 300_000  # of a document: the place of each is asked for


def read_pdf(data: bytes) -> tuple[list[Line], list[Line], bool]:
    """The visible lines, those that are hidden, and whether something is drawn over the pages afterwards.

    Hidden is text that is drawn invisibly, in white, or outside of the page; white text may still be among the lines.
    Drawn over are annotations other than links and form fields. Raises `Unusable`, also for encrypted files.
    """
    if len(data) > DEFAULT.file_bytes:
        raise Unusable("too-large", size=str(len(data)))
    with _PDFIUM:
        try:
            document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            raise Unusable("container", message=str(error)[:200]) from error
        try:
            return _pages(document)
        except pdfium.PdfiumError as error:
            raise Unusable("container", message=str(error)[:200]) from error
        finally:
            document.close()


def _pages(document: pdfium.PdfDocument) -> tuple[list[Line], list[Line], bool]:
    if len(document) > MAX_PAGES:
        raise Unusable("too-large", pages=str(len(document)))
    lines: list[Line] = []
    hidden: list[Line] = []
    characters, overlaid = 0, False
    for number in range(1, len(document) + 1):
        page = document[number - 1]
        texts = page.get_textpage()
        characters += texts.count_chars()
        if characters > MAX_CHARACTERS:
            raise Unusable("too-large", characters=str(characters))
        runs = list(_runs(page, texts))
        shown = _lines(one for one in runs if one.inside)
        lines.extend(Line(number, place, text) for place, text in enumerate(shown, 1))
        unseen = [*_invisible(page, texts), *(one.text for one in runs if not one.inside and one.text.strip())]
        hidden.extend(Line(number, place, text) for place, text in enumerate(unseen, 1))
        overlaid = overlaid or _overlaid(page)
        texts.close()
        page.close()
    return lines, hidden, overlaid


class _Run(NamedTuple):
    """Characters that follow one another on one height without a gap: where they start and end, their baseline, their
    size, in points; whether all of them are on the page."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    inside: bool


def _runs(page: pdfium.PdfPage, texts: pdfium.PdfTextPage) -> Iterator[_Run]:
    """Every text that the page draws, in the order in which it does; what pdfium adds between them is none of it."""
    raw, (left, bottom, right, top) = texts.raw, page.get_bbox()
    x, y, box = ctypes.c_double(), ctypes.c_double(), pdfium_c.FS_RECTF()
    at_x, at_y, around = ctypes.byref(x), ctypes.byref(y), ctypes.byref(box)
    unicode, origin, loose = (
        pdfium_c.FPDFText_GetUnicode,
        pdfium_c.FPDFText_GetCharOrigin,
        pdfium_c.FPDFText_GetLooseCharBox,
    )
    parts: list[str] = []
    start = end = baseline = size = 0.0
    high, inside = 0, True
    for index in range(texts.count_chars()):
        unit = unicode(raw, index)
        if 0xD800 <= unit < 0xDC00:  # the first half of a character beyond the first plane
            high = unit
            continue
        if 0xDC00 <= unit < 0xE000 and high:
            unit = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)
        high = 0
        # Only white space is added by pdfium itself.
        if unit in _BREAKS or (unit == _BLANK and pdfium_c.FPDFText_IsGenerated(raw, index) == 1):
            continue
        # The box with the advance, not that of the ink: a full-width bracket is as wide as any character.
        if not (origin(raw, index, at_x, at_y) and loose(raw, index, around)):
            continue
        place, height = x.value, y.value
        follows = -_OVERLAP < (place - end) / (box.top - box.bottom or 1.0) < _SPACE
        within = left <= place <= right and bottom <= height <= top
        if not (parts and follows and within is inside and -_SAME_LINE <= height - baseline <= _SAME_LINE):
            if parts:
                yield _Run("".join(parts), start, end, baseline, size, inside)
            parts, start, end, baseline = [], place, place, height
            size, inside = box.top - box.bottom, within
        parts.append("-" if unit == _JOINED else chr(unit))
        end = max(end, box.right)
    if parts:
        yield _Run("".join(parts), start, end, baseline, size, inside)


def _lines(runs: Iterable[_Run]) -> Iterator[str]:
    """The texts as lines from top to bottom, each from left to right; between columns two spaces.

    What is drawn in one go stays together, also where another text lies over it. Lines of white space are none.
    """
    row: list[_Run] = []
    for one in sorted(runs, key=lambda one: (-one.baseline, one.left)):
        if row and row[0].baseline - one.baseline > _SAME_LINE:
            yield from _joined(row)
            row = []
        row.append(one)
    yield from _joined(row)


def _joined(row: list[_Run]) -> Iterator[str]:
    row = sorted(row, key=lambda one: one.left)
    text = row[0].text if row else ""
    for before, one in pairwise(row):
        gap = (one.left - before.right) / (one.size or 1.0)
        text += (GAP if gap >= _COLUMN else " " if gap >= _SPACE else "") + one.text
    if text.strip():
        yield text.strip()


def _invisible(page: pdfium.PdfPage, texts: pdfium.PdfTextPage) -> Iterator[str]:
    """The texts of the page that are drawn in a mode or an ink that leaves no mark on paper."""
    for count, item in enumerate(page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_TEXT], max_depth=_DEPTH)):
        if count > MAX_OBJECTS:
            raise Unusable("too-large", objects=str(count))
        if pdfium_c.FPDFTextObj_GetTextRenderMode(item.raw) in _INVISIBLE or _is_white(item):
            size = pdfium_c.FPDFTextObj_GetText(item.raw, texts.raw, None, 0)
            buffer = ctypes.create_string_buffer(size)
            units = ctypes.cast(buffer, ctypes.POINTER(pdfium_c.FPDF_WCHAR))
            pdfium_c.FPDFTextObj_GetText(item.raw, texts.raw, units, size)
            if text := buffer.raw[: max(size - 2, 0)].decode("utf-16-le", "replace").strip():
                yield text


def _is_white(item: pdfium.PdfObject) -> bool:
    channels = [ctypes.c_uint() for _ in range(4)]
    if not pdfium_c.FPDFPageObj_GetFillColor(item.raw, *(ctypes.byref(channel) for channel in channels)):
        return False
    *ink, alpha = (channel.value for channel in channels)
    return alpha == 0 or min(ink) >= _WHITE


def _overlaid(page: pdfium.PdfPage) -> bool:
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        if kind not in _PLAIN_ANNOTATIONS:
            return True
    return False
