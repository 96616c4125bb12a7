"""Text to value: texts, identifiers and codes (DIALECTS 0.2, 0.3). Numbers are in `amounts`, days in `dates`.

Each function takes the text as it stands in the source and gives its value, or `None` if the text says "no value"
(`/`, `无`, `N/A` ...), or raises `Unreadable`. None of them guesses.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache, wraps
from typing import Any, TypeVar, cast
from unicodedata import normalize

from adapters.problems import Unreadable
from schemas import identifiers
from schemas.codes import code_list

Read = TypeVar("Read", bound=Callable[..., Any])

# C0 except TAB/CR/LF, DEL, C1, replacement character, bidi controls, zero-width, private use, surrogates.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\u202a-\u202e\u2066-\u2069\u200b-\u200d\u2060\ufeff"
    "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd\ud800-\udfff]"
)
_SPACES = re.compile(r"\s+")
_BREAKS = frozenset("\t\r\n")
_NULLS = frozenset({"", "/", "\\", "-", "--", "—", "——", "无", "N/A", "NULL", "NONE"})
_LONGEST_NULL = max(map(len, _NULLS))
_LONGEST_WORD = 1000  # what is longer is no identifier, number or code, and is not normalised (NFKC can make 18 of one)
_LONGEST_LIST = 100_000
_LONGEST_KEPT = 64
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?E[+-]?[0-9]+")
_SEVERAL = re.compile(r"[;,、|/\s]+")


def remembered(size: int) -> Callable[[Read], Read]:
    """A reader that remembers what it made of the last `size` short texts: lists repeat themselves.

    Long texts it forgets, so that a stranger cannot fill the memory with them.
    """

    def decorate(read: Read) -> Read:
        known = lru_cache(maxsize=size)(read)

        @wraps(read)
        def short(raw: str, *rest: Any) -> Any:
            return known(raw, *rest) if len(raw) <= _LONGEST_KEPT else read(raw, *rest)

        return cast(Read, short)

    return decorate


def stated(raw: str) -> str | None:
    """The text without the white space around it; `None` if it says that there is no value.

    A character that cannot be seen or has no meaning is never repaired: `text.control-char`.
    """
    if not (raw.isprintable() and "\ufffd" not in raw) and (found := FORBIDDEN.search(raw)):
        raise Unreadable("text.control-char", "control-character", character=f"U+{ord(found[0]):04X}")
    text = raw.strip()
    if len(text) <= _LONGEST_NULL and is_null(text):
        return None
    return text


def is_null(text: str) -> bool:
    """Whether a trimmed text is one of the forms that say "no value". Zero is a value."""
    return not text or (text if text.isascii() else normalize("NFKC", text).strip()).upper() in _NULLS


def text(raw: str) -> str | None:
    """A text: trimmed, a line break with the space around it is one space. Not NFKC: names keep their （ ）."""
    if raw.isprintable() and "\ufffd" not in raw:  # what nearly every name is
        value = raw.strip()
        return value if len(value) > _LONGEST_NULL or not is_null(value) else None
    found = stated(raw)
    return found if found is None or found.isprintable() else _SPACES.sub(_one_space, found)


def _one_space(spaces: re.Match[str]) -> str:
    return spaces[0] if _BREAKS.isdisjoint(spaces[0]) else " "


def folded(raw: str) -> str | None:
    """A code for comparison: NFKC, trimmed; its case counts."""
    value = stated(raw)
    return value if value is None or value.isascii() or len(value) > _LONGEST_WORD else normalize("NFKC", value).strip()


def identifier(raw: str) -> str | None:
    """An identifier: NFKC, without white space, upper case. Letters outside ASCII keep their case.

    A number in scientific notation is what a spreadsheet left of an identifier: `number.precision-lost`.
    """
    value = stated(raw)
    if value is None or len(value) > _LONGEST_WORD:  # no identifier is so long, and no form fits it
        return value
    if not value.isascii():
        value = normalize("NFKC", value)
    if not value.isalnum():
        value = "".join(value.split())
    value = value.upper() if value.isascii() else value.translate(_UPPER)
    if "E" in value and ("." in value or "+" in value) and _SCIENTIFIC.fullmatch(value):
        raise Unreadable("number.precision-lost", "scientific-notation")
    return value


def _form(rule: str, expression: str) -> Callable[[str], str | None]:
    matches = re.compile(expression).fullmatch

    def read(raw: str) -> str | None:
        if matches(raw) and len(raw) > _LONGEST_NULL:
            return raw  # in its form already
        value = identifier(raw)
        if value is None or matches(value):
            return value
        raise Unreadable(rule, "form", expected=expression)

    return read


policy_no = _form("identifier.policy-no", r"[0-9A-Z-]{10,30}")
receipt_no = _form("identifier.receipt-no", r"[0-9A-Z-]{4,40}")
region = _form("identifier.region", r"[0-9]{6}")
drug_code = _form("identifier.drug-code", r"[0-9]{14}")
invoice_no = _form("identifier.invoice-no", r"[0-9]{20}")

_BARE_APPROVAL = re.compile(r"[HZS][CJ]?[0-9]{8}")


@remembered(4096)
def credit_code(raw: str) -> str | None:
    """A 统一社会信用代码 whose GB 32100 check character holds."""
    value = identifier(raw)
    if value is None:
        return None
    try:
        return identifiers.credit_code(value)
    except ValueError as error:
        raise Unreadable("identifier.credit-code", str(error)) from error


@remembered(1024)
def clause_no(raw: str) -> str | None:
    """A clause registration number 条款注册号 of 24 characters."""
    value = identifier(raw)
    if value is None:
        return None
    try:
        return identifiers.clause_no(value)
    except ValueError as error:
        raise Unreadable("identifier.clause-no", str(error)) from error


@remembered(1024)
def approval_no(raw: str) -> str | None:
    """An approval number 批准文号 of a drug, its 国药准字 put in front where it is left out, or of a device."""
    value = identifier(raw)
    if value is None:
        return None
    if _BARE_APPROVAL.fullmatch(value):
        value = f"国药准字{value}"
    try:
        identifiers.approval_kind(value)
    except ValueError as error:
        raise Unreadable("identifier.approval-no", str(error)) from error
    return value


def several(read: Callable[[str], str | None]) -> Callable[[str], list[str] | None]:
    """Several identifiers in one text, split at `; , 、 | /`, line breaks and spaces after NFKC."""

    def split(raw: str) -> list[str] | None:
        if raw.isascii() and raw.isalnum():
            one = read(raw)
            return None if one is None else [one]
        value = stated(raw)
        if value is None:
            return None
        if len(value) > _LONGEST_LIST:
            raise Unreadable("number.unreadable", "too-long")
        found = [part for piece in _SEVERAL.split(normalize("NFKC", value)) if (part := read(piece)) is not None]
        return found or None

    return split


def one_of(table: Mapping[str, Any], *, other: Any = None) -> Callable[[str], Any]:
    """The meaning of a code by its table; a code outside of it is `value.unknown`, unless `other` is what it means."""
    known = ", ".join(table)

    def read(raw: str) -> Any:
        if raw in table:
            return table[raw]
        value = folded(raw)
        if value is None:
            return None
        if (meaning := table.get(value, other)) is None:
            raise Unreadable("value.unknown", "not-in-table", known=known)
        return meaning

    return read


_CLASS_FILLERS = ("生物制品", "第", "注册分类", "类")
_CLASS_CODE = re.compile(r"[0-9](?:\.[0-9]{1,2})?")


@remembered(1024)
def registration_class(printed: str) -> tuple[str, tuple[str, ...]]:
    """The group and the codes of a registration class 注册分类 as printed: `化药2.2类＋2.4类` is chemical, 2.2 and 2.4.

    A bare 生物制品 says neither therapeutic nor preventive: unknown. No codes, unless every part of it is one.
    """
    if len(printed) > _LONGEST_WORD:
        return "unknown", ()
    rest = "".join(normalize("NFKC", printed).split())
    word, group = next(((word, group) for word, group in _class_groups() if word in rest), ("", "unknown"))
    for filler in (word, *_CLASS_FILLERS):
        rest = rest.replace(filler, "") if filler else rest
    parts = re.split(r"[+;、,/]", rest)
    return group, tuple(parts) if all(_CLASS_CODE.fullmatch(part) for part in parts) else ()


@cache
def _class_groups() -> tuple[tuple[str, str], ...]:
    """The words of which the first that a registration class 注册分类 contains decides its group."""
    return tuple(code_list("registration_classes").words(top=True))
