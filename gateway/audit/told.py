"""How an audit tells what it finds: each as a check that names table, row, and what differs."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.verification import Check, failed, unknown

_LONGEST = 200


def missing(table: str, key: object, **facts: Any) -> Check:
    """The log speaks of a row that is not there."""
    return failed("audit.rows", "missing", table=table, key=str(key), **facts)


def added(table: str, key: object, **facts: Any) -> Check:
    """A row is there that the log, or what it is derived from, knows nothing of."""
    return failed("audit.rows", "added", table=table, key=str(key), **facts)


def changed(table: str, key: object, what: str, **facts: Any) -> Check:
    """A row does not say what the log says, or its columns do not say what its bytes say."""
    return failed("audit.rows", "changed", table=table, key=str(key), what=what, **facts)


def reordered(table: str, key: object, **facts: Any) -> Check:
    """A row does not stand where the log says that it came."""
    return failed("audit.rows", "reordered", table=table, key=str(key), **facts)


def unsigned(table: str, key: object, what: str) -> Check:
    """The request that is kept with a row does not prove who sent it."""
    return failed("audit.rows", "unsigned", table=table, key=str(key), what=what)


def not_known(table: str, key: object, what: str) -> Check:
    """Something that the row rests on is not here: nothing is known about it."""
    return unknown("audit.rows", "not-known", table=table, key=str(key), what=what)


def compare(table: str, key: object, pairs: Mapping[str, tuple[Any, Any]]) -> Iterator[Check]:
    """A finding for each pair, by the name of what is compared, that is not equal: what is told, what is there."""
    for what, (told, there) in pairs.items():
        if told != there:
            yield changed(table, key, what, told=_short(told), there=_short(there))


def _short(value: object) -> str:
    return str(value)[:_LONGEST]
