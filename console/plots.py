"""Plots as SVG, written by the server: they print, they need no script, and the numbers stand in the table beside them.

Each takes plain numbers and gives `Markup` whose every text is escaped. Colours are classes of the style sheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_BAR, _GAP, _LABEL, _WIDE, _FOOT, _TEXT = 22, 8, 190, 720, 18, 90
_LEAST = 1e-9  # a plot of nothing still has a scale

_OPEN = Markup(
    '<svg class="plot" role="{role}" viewBox="0 0 {wide} {high}" aria-label="{title}"><title>{title}</title>'
)
_CLOSE = Markup("</svg>")
_NAME = Markup('<text class="label" x="{x}" y="{y}" text-anchor="end">{text}</text>')
_VALUE = Markup('<text class="value" x="{x:.1f}" y="{y}">{text}</text>')
_UNDER = Markup('<text class="value" x="{x:.1f}" y="{y}" text-anchor="middle">{text}</text>')
_RECT = Markup(
    '<rect class="{tone}" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{high}"><title>{text}</title></rect>'
)
_LIMIT = Markup('<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{y}"/>')
_ALLOWED = Markup('<rect class="allowed" x="{x:.1f}" y="0" width="{wide:.1f}" height="{high}"/>')
_LINE = Markup('<line class="{tone}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke-width="4"/>')
_POINT = Markup('<circle class="{tone}" cx="{x:.1f}" cy="{y}" r="6"><title>{text}</title></circle>')
_LINK = Markup('<a href="{href}">{inside}</a>')


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: how much, the class of its colour ("good", "bad", "open", "quiet"), and what it is."""

    amount: float
    tone: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of parts, with its label and the text at its end; `href` leads to what it counts."""

    label: str
    parts: Sequence[Part]
    text: str = ""
    href: str | None = None


def bars(title: str, rows: Sequence[Bar], *, limit: float | None = None, limit_name: str = "") -> Markup:
    """Horizontal bars of stacked parts; `limit` draws a line, say a cap."""
    most = max([sum(part.amount for part in row.parts) for row in rows] + [limit or 0.0, _LEAST])
    room = _WIDE - _LABEL - _TEXT
    high = len(rows) * (_BAR + _GAP)
    role = "group" if any(row.href for row in rows) else "img"  # an image has nothing inside that one could enter
    out = [_OPEN.format(role=role, wide=_WIDE, high=high + (_FOOT if limit is not None else 0), title=title)]
    for number, row in enumerate(rows):
        top = number * (_BAR + _GAP)
        drawn = [_NAME.format(x=_LABEL - 8, y=top + 15, text=_short(row.label))]
        left = float(_LABEL)
        for part in row.parts:
            wide = part.amount / most * room
            if wide > 0:
                text = f"{row.label} {part.name} {part.amount:g}"
                drawn.append(_RECT.format(tone=part.tone, x=left, y=top, wide=wide, high=_BAR, text=text))
                left += wide
        drawn.append(_VALUE.format(x=left + 6, y=top + 15, text=row.text))
        inside = Markup("").join(drawn)
        out.append(_LINK.format(href=row.href, inside=inside) if row.href else inside)
    if limit is not None:
        at = _LABEL + limit / most * room
        out += [_LIMIT.format(x=at, y=high), _UNDER.format(x=at, y=high + _FOOT - 4, text=limit_name)]
    return Markup("").join([*out, _CLOSE])


@dataclass(frozen=True, slots=True)
class Span:
    """An estimate with its band: from `low` to `high`, the best word `middle`; `tone` colours it."""

    label: str
    low: float
    middle: float
    high: float
    tone: str = "quiet"
    text: str = ""


def spans(title: str, rows: Sequence[Span], *, band: tuple[float, float] | None = None, band_name: str = "") -> Markup:
    """Estimates with their confidence bands, against a band that is allowed."""
    most = max([row.high for row in rows] + ([band[1]] if band else []) + [_LEAST])
    room = _WIDE - _LABEL - _TEXT
    high = len(rows) * (_BAR + _GAP)
    out = [_OPEN.format(role="img", wide=_WIDE, high=high + _FOOT, title=title)]
    if band is not None:
        left, right = (_LABEL + edge / most * room for edge in band)
        out.append(_ALLOWED.format(x=left, wide=right - left, high=high))
        out.append(_UNDER.format(x=(left + right) / 2, y=high + _FOOT - 4, text=band_name))
    for number, row in enumerate(rows):
        y = number * (_BAR + _GAP) + _BAR // 2
        low, middle, end = (_LABEL + value / most * room for value in (row.low, row.middle, row.high))
        out.append(_NAME.format(x=_LABEL - 8, y=y + 4, text=_short(row.label)))
        out.append(_LINE.format(tone=row.tone, low=low, high=end, y=y))
        out.append(_POINT.format(tone=row.tone, x=middle, y=y, text=row.text))
        out.append(_VALUE.format(x=end + 8, y=y + 4, text=row.text))
    return Markup("").join([*out, _CLOSE])


def _short(text: str, most: int = 15) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
