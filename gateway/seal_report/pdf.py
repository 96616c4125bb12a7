"""The report as a PDF on A4, without anything that acts: text, lines and our own pictures.

Its fonts are those that every reader has or replaces (ISO 32000-1 section 9.6.2.2, and the Adobe-GB1 collection), so
that no font has to be shipped. What GBK has no letter for is written as its code point rather than left blank.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from gateway.seal_report.content import CheckText, Content, Section, Tone
from gateway.seal_report.picture import Rendered
from gateway.seal_report.words import word

_WIDTH, _HEIGHT = A4
_MARGIN, _TOP, _BOTTOM = 48.0, 54.0, 56.0
_SONG, _LATIN, _BOLD, _CODE = "STSong-Light", "Helvetica", "Helvetica-Bold", "Courier"
_INK, _GREY, _RULE, _SHADE = HexColor(0x1A1F29), HexColor(0x4A5364), HexColor(0xD6DAE0), HexColor(0xF3F4F7)
_TONES: dict[Tone, Color] = {
    "good": HexColor(0x0B6B3A),
    "bad": HexColor(0xA8071A),
    "open": HexColor(0x8A5A00),
    "notice": HexColor(0x3B4A63),
    "plain": _INK,
}
_CLOSING = frozenset("，。；：、！？）》」』】”’,.;:!?)]}")
_WIDE = frozenset("“”‘’…—")
_PICTURE = 96.0
_SCAN, _QUIET = 86.0, 4  # points; modules of margin (ISO/IEC 18004 section 6.3.8)


@dataclass(frozen=True, slots=True)
class _Style:
    size: float
    color: Color = _INK
    latin: str = _LATIN

    @property
    def leading(self) -> float:
        return self.size * 1.5


_TEXT, _SMALL = _Style(9.5), _Style(8, _GREY)
_DIGEST = _Style(8.5, latin=_CODE)
_Draw = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class _Pages:
    """What stands on each page, collected before it is drawn: the foot of the first names the number of the last."""

    pages: list[list[_Draw]] = field(default_factory=lambda: [[]])
    y: float = _HEIGHT - _TOP

    def draw(self, what: str, *arguments: Any) -> None:
        """Put something on the current page."""
        self.pages[-1].append((what, arguments))

    def need(self, height: float) -> None:
        """A new page, unless so much is left of this one."""
        if self.y - height < _BOTTOM:
            self.pages.append([])
            self.y = _HEIGHT - _TOP

    def text(self, text: str, style: _Style, left: float = _MARGIN, right: float = _WIDTH - _MARGIN) -> None:
        """Lines of text between two edges, over as many pages as they take."""
        for line in _wrapped(text, style, right - left):
            self.need(style.leading)
            self.y -= style.leading
            self.draw("text", left, self.y + style.size * 0.4, line, style)

    def space(self, height: float) -> None:
        """Nothing, unless a page has just begun."""
        if self.y < _HEIGHT - _TOP:
            self.y -= height


def as_pdf(content: Content) -> bytes:
    """The report; the same bytes for the same content: its dates and identifier are fixed, nothing is compressed."""
    _register()
    pages = _Pages()
    _head(pages, content)
    for section in content.sections:
        _section(pages, section, content)
    _heading(pages, word("notes", content.language), "plain")
    for note in content.notes:
        pages.text(f"· {note}", _SMALL)
    buffer = io.BytesIO()
    language = "zh-CN" if content.language == "zh" else "en"
    canvas = Canvas(buffer, pagesize=A4, pageCompression=0, invariant=1, lang=language)
    canvas.setTitle(f"{content.title} · {content.verdict}")
    canvas.setSubject(content.foot)
    canvas.setAuthor("insurer-gateway")
    canvas.setCreator("insurer-gateway")
    for number, page in enumerate(pages.pages, 1):
        for what, arguments in page:
            _DRAWN[what](canvas, *arguments)
        numbered = word("page", content.language).format(page=number, pages=len(pages.pages))
        _draw_rule(canvas, _BOTTOM - 14)
        _draw_text(canvas, _MARGIN, _BOTTOM - 28, content.foot, _SMALL)
        _draw_text(canvas, _WIDTH - _MARGIN - _width_of(numbered, _SMALL), _BOTTOM - 28, numbered, _SMALL)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _head(pages: _Pages, content: Content) -> None:
    pages.text(content.title, _Style(18))
    pages.space(8)
    color = _TONES[content.tone]
    sentences = [line for text in content.sentences for line in _wrapped(text, _TEXT, _WIDTH - 2 * _MARGIN - 28)]
    height = 40 + len(sentences) * _TEXT.leading
    pages.need(height)
    pages.draw("box", _MARGIN, pages.y - height, _WIDTH - 2 * _MARGIN, height, _SHADE)
    pages.draw("box", _MARGIN, pages.y - height, 6, height, color)
    pages.y -= 6
    pages.text(content.verdict, _Style(16, color), _MARGIN + 18)
    for sentence in content.sentences:
        pages.text(sentence, _TEXT, _MARGIN + 18, _WIDTH - _MARGIN - 10)
    pages.y -= 10


def _heading(pages: _Pages, text: str, tone: Tone) -> None:
    pages.space(14)
    pages.need(64)  # a heading is not left alone at the foot of a page
    pages.text(text, _Style(12, _TONES[tone]))
    pages.y -= 3
    pages.draw("rule", pages.y)
    pages.y -= 3


def _section(pages: _Pages, section: Section, content: Content) -> None:
    _heading(pages, section.heading, section.tone)
    if section.picture_text is not None:
        _picture(pages, section.picture, section.picture_text)
    if section.scan is not None:
        _scan(pages, section.scan)
    for line in section.lines:
        style = _DIGEST if line.code else _Style(9.5, _TONES[line.tone])
        pages.need(style.leading)
        start, page = pages.y, len(pages.pages)
        left = _MARGIN + (112 if line.label else 0)
        pages.text(line.value, style, left)
        if line.label:
            baseline = start - style.leading + style.size * 0.4
            pages.pages[page - 1].append(("text", (_MARGIN, baseline, line.label, _SMALL)))
        pages.y -= 2
    if section.checks and section.lines:
        pages.space(6)
        pages.need(48)
        pages.text(word("checks", content.language), _Style(10.5))
    for check in section.checks:
        _check(pages, check, content)


def _picture(pages: _Pages, picture: Rendered | None, told: str) -> None:
    if picture is None:
        pages.text(told, _SMALL)
        return
    scale = min(_PICTURE / picture.width, _PICTURE / picture.height)
    width, height = picture.width * scale, picture.height * scale
    pages.need(height + 10)
    top = pages.y - 4
    pages.draw("picture", picture.jpeg, _MARGIN, top - height, width, height)
    pages.text(told, _SMALL, _MARGIN + width + 14)
    pages.y = min(pages.y, top - height) - 6


def _scan(pages: _Pages, text: str) -> None:
    """A QR code of the text (ISO/IEC 18004, level M), drawn as rectangles, with the text beside it."""
    pages.need(_SCAN + 10)
    top = pages.y - 4
    pages.draw("scan", text, _MARGIN, top - _SCAN, _SCAN)
    pages.text(text, _DIGEST, _MARGIN + _SCAN + 14)
    pages.y = min(pages.y, top - _SCAN) - 6


def _check(pages: _Pages, check: CheckText, content: Content) -> None:
    left = _MARGIN + 52
    pages.need(2.2 * _TEXT.leading)
    pages.draw(
        "text", _MARGIN, pages.y - _TEXT.leading + _TEXT.size * 0.4, check.answer, _Style(9.5, _TONES[check.tone])
    )
    pages.text(check.said, _TEXT, left)
    pages.text(check.also, _SMALL, left)
    basis = f"{word('clause', content.language)}: {check.basis}" if check.basis else ""
    pages.text(" · ".join(part for part in (check.rule, basis) if part), _SMALL, left)
    if check.cure is not None:
        pages.text(f"{word('cure', content.language)}: {check.cure}", _Style(8.5), left)
        pages.text(check.also_cure or "", _SMALL, left)
    if check.facts:
        pages.text(check.facts, _Style(7.5, _GREY), left)
    pages.y -= 3
    pages.draw("rule", pages.y)
    pages.y -= 1


def _wrapped(text: str, style: _Style, width: float) -> Iterator[str]:
    """Lines that fit: broken between Chinese letters, at spaces, and within a word that is wider than a line.

    A closing punctuation mark may stand in the margin, since no line begins with one.
    """
    line, used = "", 0.0
    last_space = -1
    for letter in _writable(text):
        wide = _width_of(letter, style)
        if used + wide > width and line and not (letter in _CLOSING and used <= width):
            if letter == " ":
                yield line
                line, used, last_space = "", 0.0, -1
                continue
            cut = last_space + 1 if _joined(line[-1], letter) and last_space > len(line) // 2 else len(line)
            yield line[:cut].rstrip()
            line = line[cut:]
            used, last_space = _width_of(line, style), -1
        if letter == " ":
            last_space = len(line)
        line += letter
        used += wide
    if line:
        yield line


def _joined(before: str, after: str) -> bool:
    """Two letters of one Latin word, number or digest."""
    return before.isascii() and after.isascii() and before != " "


def _writable(text: str) -> str:
    """The text in letters that the fonts have: all of GBK, and what is not in it as its code point."""
    return "".join(letter if _has_letter(letter) else f"[U+{ord(letter):04X}]" for letter in text)


@lru_cache(maxsize=8192)
def _has_letter(letter: str) -> bool:
    if _is_latin(letter):
        return letter.isprintable()
    try:
        letter.encode("gbk")
    except UnicodeEncodeError:
        return False
    return letter.isprintable()


def _runs(text: str, style: _Style) -> Iterator[tuple[str, str]]:
    """The text in pieces of one font each: Latin in a Latin font, the rest in Song."""
    run, font = "", ""
    for letter in text:
        own = style.latin if _is_latin(letter) else _SONG
        if own != font and run:
            yield run, font
            run = ""
        run, font = run + letter, own
    if run:
        yield run, font


def _width_of(text: str, style: _Style) -> float:
    return sum(_letter_width(letter, style.latin) for letter in text) * style.size


@lru_cache(maxsize=8192)
def _letter_width(letter: str, latin: str) -> float:
    return float(pdfmetrics.stringWidth(letter, latin if _is_latin(letter) else _SONG, 1))


@lru_cache(maxsize=8192)
def _is_latin(letter: str) -> bool:
    """Letters and signs of WinAnsiEncoding (ISO 32000-1 annex D.2) but for those that Chinese text writes wide."""
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return letter not in _WIDE


def _draw_text(canvas: Any, x: float, y: float, text: str, style: _Style) -> None:
    canvas.setFillColor(style.color)
    for run, font in _runs(_writable(text), style):
        canvas.setFont(font, style.size)
        canvas.drawString(x, y, run)
        x += _width_of(run, style)


def _draw_rule(canvas: Any, y: float) -> None:
    canvas.setStrokeColor(_RULE)
    canvas.setLineWidth(0.6)
    canvas.line(_MARGIN, y, _WIDTH - _MARGIN, y)


def _draw_box(canvas: Any, x: float, y: float, width: float, height: float, color: Color) -> None:
    canvas.setFillColor(color)
    canvas.rect(x, y, width, height, stroke=0, fill=1)


def _draw_picture(canvas: Any, jpeg: bytes, x: float, y: float, width: float, height: float) -> None:
    canvas.drawImage(ImageReader(io.BytesIO(jpeg)), x, y, width, height)


def _draw_scan(canvas: Any, text: str, x: float, y: float, size: float) -> None:
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    step = size / (len(code.modules) + 2 * _QUIET)
    canvas.setFillColor(_INK)
    for row, modules in enumerate(code.modules):
        above = y + size - (row + 1 + _QUIET) * step
        for column, dark in enumerate(modules):
            if dark:
                canvas.rect(x + (column + _QUIET) * step, above, step * 1.02, step * 1.02, stroke=0, fill=1)


_DRAWN: dict[str, Callable[..., None]] = {
    "scan": _draw_scan,
    "text": _draw_text,
    "rule": _draw_rule,
    "box": _draw_box,
    "picture": _draw_picture,
}


def _register() -> None:
    if _SONG not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_SONG))
