"""The one form of a value that is hashed or signed."""

import json
from datetime import datetime
from typing import Any

import rfc8785
from pydantic import BaseModel

_LARGEST = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, ECMAScript numbers lose integers


class NotCanonical(ValueError):
    """The value has no RFC 8785 form: NaN, an integer beyond 2^53 - 1, a lone surrogate, a key that is not text."""


def canonical(value: Any) -> bytes:
    """The JSON Canonicalization Scheme of RFC 8785: one value, one sequence of bytes.

    Takes a noun (absent fields are left out, not written as null) or plain JSON values. Raises `NotCanonical`.
    """
    try:
        return _canonical(as_json(value))
    except RecursionError as error:
        raise NotCanonical("the value is nested too deep") from error


def _canonical(plain: Any) -> bytes:
    if _is_plain(plain):
        # Without floats and with ASCII keys, sorting by code point is sorting by UTF-16 unit (section 3.2.3), and the
        # C encoder escapes exactly what section 3.2.2.2 says. A property test holds this equal to the library.
        try:
            return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        except UnicodeEncodeError as error:
            raise NotCanonical("a lone surrogate has no UTF-8 form") from error
    try:
        return rfc8785.dumps(plain)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error


def as_json(value: Any) -> Any:
    """A noun as plain JSON values: absent optional fields left out, moments and money as their text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _is_plain(value: Any) -> bool:
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -_LARGEST <= value <= _LARGEST
    if isinstance(value, dict):
        return all(isinstance(key, str) and key.isascii() and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return False
