"""JSON as RFC 8259 has it and not as parsers forgive it: one meaning, or none."""

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import accumulate
from typing import Any, NoReturn, TypeAlias

from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused, refuse_larger, shown

JSON: TypeAlias = Any
"""None, bool, str, list, dict with text keys, and for numbers what the reader was told to make of them."""

_BOM = b"\xef\xbb\xbf"
# A string that is never closed ends the pattern at the end of input, so that the scan stays linear.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PAIRED = re.compile(
    r"(?:[^\\]++"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\(?!u[dD][89a-fA-F])[\s\S])*+"
)


def read_json(
    data: bytes,
    *,
    limits: Limits = DEFAULT,
    number: Callable[[str], Any] | None = None,
    bom_allowed: bool = False,
) -> JSON:
    """The one value that `data` states: RFC 8259, UTF-8, strict.

    Integers become `int`, other numbers `Decimal`, exactly; `number`, if given, receives each literal as it was sent.
    Raises `Refused`: `file.too-large`, `encoding.undecodable`, `json.malformed` (NaN, Infinity, lone surrogates, a byte
    order mark unless allowed and anything behind the value included), `json.duplicate-key`, `json.too-deep`.
    """
    refuse_larger(data, limits.file_bytes)
    if data.startswith(_BOM):
        if not bom_allowed:
            raise Refused("json.malformed", "byte-order-mark", "The text starts with a byte order mark.")
        data = data[len(_BOM) :]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            "encoding.undecodable", "not-utf-8", "The bytes are not UTF-8.", where=f"offset {error.start}"
        ) from None
    _check_size(data, limits)
    value = _parse(text, _usual(number) if limits is DEFAULT else _decoder(limits, number))
    if _SURROGATE.search(text) and not _PAIRED.fullmatch(text):
        raise Refused("json.malformed", "lone-surrogate", "A text holds half of a surrogate pair: it has no form.")
    return value


def _check_size(data: bytes, limits: Limits) -> None:
    opened = data.count(b"[") + data.count(b"{")
    if opened > limits.json_containers or opened + data.count(b",") > limits.json_items:
        raise Refused("file.too-large", "items", "The text holds more values than are read at once.")
    if opened <= limits.depth:  # too few brackets to be too deep: the usual case, and free
        return
    brackets = _STRING.sub(b"", data).translate(None, _NOT_BRACKETS)
    depth = max(accumulate(map(_STEP.__getitem__, brackets)), default=0)
    if depth > limits.depth:
        raise Refused(
            "json.too-deep", "depth", f"Values are nested {depth} deep; {limits.depth} is the most.", depth=depth
        )


def _parse(text: str, decoder: json.JSONDecoder) -> JSON:
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        # Not chained: the decoder's error carries the whole text, which may be large and is not ours to log.
        raise Refused(
            "json.malformed", "syntax", f"{error.msg}.", where=f"line {error.lineno} column {error.colno}"
        ) from None


@lru_cache(maxsize=16)
def _usual(number: Callable[[str], Any] | None) -> json.JSONDecoder:
    """The decoder with the usual limits, kept: a file of one message a line has many texts."""
    return _decoder(DEFAULT, number)


def _decoder(limits: Limits, number: Callable[[str], Any] | None) -> json.JSONDecoder:
    def integer(literal: str) -> Any:
        if len(literal) > limits.number_characters:
            raise _long_number(literal)
        return int(literal)

    def fraction(literal: str) -> Any:
        if len(literal) > limits.number_characters:
            raise _long_number(literal)
        try:
            value = Decimal(literal)
        except InvalidOperation:
            raise _long_number(literal) from None
        if abs(value.adjusted()) > limits.number_exponent:
            raise _long_number(literal)
        return value

    def sent(literal: str) -> Any:
        if len(literal) > limits.number_characters:
            raise _long_number(literal)
        return number(literal) if number is not None else literal

    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_int=integer if number is None else sent,
        parse_float=fraction if number is None else sent,
        parse_constant=_constant,
        strict=True,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refused(
                    "json.duplicate-key",
                    "duplicate",
                    f"The member “{shown(key)}” stands twice in one object.",
                    where=shown(key),
                )
            seen.add(key)
    return members


def _constant(literal: str) -> NoReturn:
    raise Refused("json.malformed", "not-a-number", f"{literal} is not JSON.")


def _long_number(literal: str) -> Refused:
    return Refused("json.malformed", "number-out-of-range", f"The number {shown(literal, 20)} is beyond what is read.")
