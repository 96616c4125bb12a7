"""The text of a PDF document as its pages show it, by pdfium, bounded; and text that they do not show."""

import ctypes
from collections.abc import Iterator
from threading import Lock

import pypdfium2 as pdfium
from pypdfium2 import raw as pdfium_c

from adapters.document_model import MAX_CHARACTERS, MAX_OBJECTS, MAX_PAGES, Line, Unusable
from untrusted import DEFAULT

_PDFIUM = Lock()  # the library is not made for threads
_INVISIBLE = frozenset({pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP})
_PLAIN_ANNOTATIONS = frozenset({pdfium_c.FPDF_ANNOT_LINK, pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_POPUP})
_JOINED = "\x02"  # where a line ends in a hyphen, pdfium writes this and runs the next line on
_WHITE = 245  # of 255
_DEPTH = 16  # of forms within forms


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
        shown = texts.get_text_bounded().replace(_JOINED, "-\n")
        lines.extend(
            Line(number, place, text.strip()) for place, text in enumerate(shown.splitlines(), 1) if text.strip()
        )
        unseen = list(_invisible(page, texts))
        if len("".join(texts.get_text_range().replace(_JOINED, "-").split())) > len("".join(shown.split())):
            unseen.append(texts.get_text_range())
        hidden.extend(Line(number, place, text) for place, text in enumerate(unseen, 1))
        overlaid = overlaid or _overlaid(page)
        texts.close()
        page.close()
    return lines, hidden, overlaid


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
