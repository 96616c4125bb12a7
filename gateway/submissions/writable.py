"""Strangers' values as the database and JSON can hold them."""

import re
from typing import Any

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def writable(value: Any) -> Any:
    """Plain JSON values: tuples become lists; NUL and lone surrogates, which no store takes, become U+FFFD."""
    if isinstance(value, str):
        return value if value.isprintable() else _UNWRITABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {writable(key): writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [writable(item) for item in value]
    return value
