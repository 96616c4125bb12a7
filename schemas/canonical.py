"""The one form of a value that is hashed or signed."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

import orjson
import rfc8785
from pydantic import BaseModel

from schemas.base import Noun

_MOST = 1_000_000


class NotCanonical(ValueError):
    """The value has no RFC 8785 form: NaN, an integer beyond 2^53 - 1, a lone surrogate, a key that is not text."""


def canonical(value: Any) -> bytes:
    """The JSON Canonicalization Scheme of RFC 8785: one value, one sequence of bytes.

    Takes a noun (absent fields are left out, not written as null) or plain JSON values. Raises `NotCanonical`.
    """
    try:
        if isinstance(value, Written):
            return value.written()
        return _canonical(as_json(value))
    except RecursionError as error:
        raise NotCanonical("the value is nested too deep") from error


class Written(Noun):
    """A noun that is written again and again as part of others: its canonical form is made once and kept beside it.

    `APART` names the fields that hold such nouns, or tuples of them: their forms are put together, not made anew. A
    property test holds the result equal to the form of the whole.
    """

    __slots__ = ("_written",)
    APART: ClassVar[tuple[str, ...]] = ()
    _written: ClassVar[Any]

    def written(self) -> bytes:
        """The canonical form. Raises `NotCanonical`."""
        try:
            kept: bytes = self._written
        except AttributeError:
            kept = join_members(self.members()) if self.APART else _canonical(as_json(self))
            object.__setattr__(self, "_written", kept)
        return kept

    def members(self) -> dict[str, bytes]:
        """The canonical form of each member that is there, by its name."""
        plain = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=set(self.APART))
        members = {name: _canonical(item) for name, item in plain.items()}
        for name in self.APART:
            part = getattr(self, name)
            if isinstance(part, tuple):
                members[name] = b"[" + b",".join(map(canonical, part)) + b"]"
            elif part is not None:
                members[name] = canonical(part)
        return members


def join_members(members: Mapping[str, bytes]) -> bytes:
    """The canonical form of the object with these members; their names are ASCII, as all field names here are."""
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), members[name]) for name in sorted(members)) + b"}"


def _canonical(plain: Any) -> bytes:
    if _is_common(plain):
        # Of such values the fast encoder escapes exactly what section 3.2.2.2 says, and its order of keys, by code
        # point, is that by UTF-16 unit (section 3.2.3). A property test holds this equal to the library.
        with suppress(orjson.JSONEncodeError):  # too large, too deep, a lone surrogate: the library says which
            return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    try:
        return rfc8785.dumps(plain)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error


def as_json(value: Any) -> Any:
    """A noun as plain JSON values: absent optional fields left out, moments and money as their text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")  # as nouns write it
    return value


def _is_common(plain: Any) -> bool:
    """Whether the value has no floats, no types of its own, and no key with a character beyond U+D7FF."""
    left = [plain]
    for value in left:  # which grows meanwhile
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            continue
        if kind is dict:
            for key in value:
                if type(key) is not str or not (key.isascii() or max(key) < "\ud800"):
                    return False
            left += value.values()
        elif kind is list or kind is tuple:
            left += value
        else:
            return False
        if len(left) > _MOST:  # or it contains itself
            return False
    return True
