"""Strangers' values as the database and JSON can hold them."""

import re
from contextlib import suppress
from typing import Any

import orjson

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_NUL = b"\\u0000"
_PLAIN = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def writable(value: Any) -> Any:
    """Plain JSON values: tuples become lists; NUL and lone surrogates, which no store takes, become U+FFFD."""
    if isinstance(value, dict | list | tuple):
        with suppress(orjson.JSONEncodeError):  # a lone surrogate; what is no JSON stays as it is
            # Written and read back: the same values, in a tenth of the time that going through them takes.
            if _NUL not in (text := orjson.dumps(value, option=_PLAIN)):
                return orjson.loads(text)
    return _writable(value)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isprintable() else _UNWRITABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    return value
