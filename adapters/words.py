"""Amounts in words 大写金额, as receipts and invoices state them beside the figures (DIALECTS 0.12): exact."""

import re
from typing import NamedTuple, NoReturn
from unicodedata import normalize

from adapters.convert import stated
from adapters.mapping import Kind
from adapters.problems import Unreadable
from schemas.money import Yuan

_DIGITS = {digit: value for value, digit in enumerate("零壹贰叁肆伍陆柒捌玖")}
_PLACES = {"仟": 3, "佰": 2, "拾": 1}
_VARIANTS = str.maketrans("陸貳萬億圓〇", "陆贰万亿圆零")
_LONGEST = 100
_FRONT = re.compile(r"\s*(人民币|RMB|¥|负|\(负数\))")
_BODY = re.compile(
    r"(?:(?P<yuan>[^元圆角分整正]+)[元圆])?(?:(?P<zero>零)?(?P<jiao>[零壹贰叁肆伍陆柒捌玖])角)?"
    r"(?:(?P<nought>零)?(?P<fen>[零壹贰叁肆伍陆柒捌玖])分)?[整正]?"
)


class Words(NamedTuple):
    """What the words say: the magnitude, and whether they say that it is negative."""

    amount: Yuan
    negative: bool


def amount(raw: str) -> Words | None:
    """The amount that `raw` says in words. Everyday digits, and anything else, are `amount.words-unreadable`.

    `零` may stand where a digit is zero and usage writes it, and may be left out there; nowhere else.
    """
    value = stated(raw)
    if value is None:
        return None
    if len(value) > _LONGEST:
        _unreadable()
    value = normalize("NFKC", value).translate(_VARIANTS)
    marks: list[str] = []
    at = 0
    while found := _FRONT.match(value, at):
        marks.append("-" if "负" in found[1] else "¥")
        at = found.end()
    body = _BODY.fullmatch(value[at:].strip())
    if body is None or len(set(marks)) < len(marks):
        _unreadable()
    yuan, jiao, fen = body["yuan"], body["jiao"], body["fen"]
    if yuan is None and jiao is None and fen is None:
        _unreadable()
    whole = _whole(yuan) if yuan is not None else 0
    tenths, hundredths = _DIGITS[jiao or "零"], _DIGITS[fen or "零"]
    # A zero that no digit stands for: before 角 the yuan end in zero, before 分 there are no 角.
    if (body["zero"] and (yuan is None or whole % 10)) or (body["nought"] and (yuan is None or tenths)):
        _unreadable()
    return Words(Yuan(whole * 100 + tenths * 10 + hundredths), "-" in marks)


in_words = Kind("amount in words", amount)


def _whole(text: str) -> int:
    """The number in front of 元."""
    total, opening = 0, True
    above, mark, rest = text.partition("亿")
    if mark:
        total = _myriads(above, opening, None) * 100_000_000
        opening = False
        if not rest:
            return total
        above = rest
    return total + _myriads(above, opening, total // 100_000_000 if mark else None)


def _myriads(text: str, opening: bool, before: int | None) -> int:
    """A number below 万万, and what stands before it, for the zero between the two."""
    above, mark, rest = text.partition("万")
    if not mark:
        return _section(text, opening, before, 8 if before is not None else 4)
    total = _section(above, opening, before, 4)
    return total * 10_000 + (_section(rest, False, total, 4) if rest else 0)


def _section(text: str, opening: bool, before: int | None, width: int) -> int:
    """Up to four digits with their places, each place once and in order.

    `before` is the number in front of it, `None` if none is: a zero may stand between two digits that are not
    neighbours, `width` being the places that follow that number.
    """
    total, last, at = 0, 4, 0
    gap = before is not None and (before % 10 == 0 or width > 4)
    read = False
    while at < len(text):
        digit, after = text[at], text[at + 1] if at + 1 < len(text) else ""
        if digit == "拾" and at == 0 and opening:
            total, last, at, read = 10, 1, 1, True
            continue
        value = _DIGITS.get(digit)
        if value is None:
            _unreadable()
        place = _PLACES.get(after, 0)
        if value == 0 and after in _DIGITS:  # a zero for the places between
            following = _PLACES.get(text[at + 2] if at + 2 < len(text) else "", 0)
            skips = following < last - 1
            if after == "零" or not (read or before is not None) or not (skips or (not read and gap)):
                _unreadable()
            at += 1
            continue
        if place >= last:
            _unreadable()
        total += value * 10**place
        last, at, read = place, at + (2 if place else 1), True
        if place == 0 and at < len(text):
            _unreadable()
    if not read:
        _unreadable()
    return total


def _unreadable() -> NoReturn:
    raise Unreadable("amount.words-unreadable", "not-in-words")
