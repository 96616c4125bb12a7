"""Guessing takes ever longer: each failed sign-in of a user or from an address makes the next one wait."""

import hashlib
import ipaddress
from datetime import datetime, timedelta

from gateway.access import store
from gateway.db import Connection
from gateway.problems import TooOften

_FORGOTTEN = timedelta(hours=1)  # after so long without a try, failures count no more
_KEPT = timedelta(days=1)
_USER, _ADDRESS = (5, 300), (30, 900)  # failures that cost nothing, and the longest delay in seconds


def subjects(user: str | None, address: str | None) -> tuple[bytes, ...]:
    """What is counted: an address, of IPv6 its first 64 bits, which one customer has; and a user's name, if one is
    given."""
    counted = (_digest("address", _network(address)),)
    return counted if user is None else (*counted, _digest("user", user))


async def begin(connection: Connection, user: str | None, address: str | None, at: datetime) -> None:
    """Count this try as a failure until it is none. Raises `TooOften` if it comes too soon; it is then not counted.

    It is counted before the password is looked at: a hundred tries at the same moment are a hundred.
    """
    named = subjects(user, address)
    async with connection.transaction():
        known = await store.lock_delays(connection, named, at)
        wait = max((not_before - at for _, _, not_before in known.values()), default=timedelta(0))
        if wait > timedelta(0):
            seconds = max(1, -int(-wait.total_seconds() // 1))
            raise TooOften(
                f"too many sign-ins failed: try again in {seconds} seconds",
                detail_zh=f"登录失败次数过多，请{seconds}秒后再试",
                headers={"retry-after": str(seconds)},
            )
        for subject, (free, longest) in zip(named, (_ADDRESS, _USER), strict=False):
            before, tried_at, _ = known[subject]
            failures = 1 if at - tried_at > _FORGOTTEN else before + 1
            await store.set_delay(connection, subject, failures, at, at + delay(failures, free, longest))
    await store.forget_delays(connection, at - _KEPT)


async def forgive(connection: Connection, user: str | None, address: str | None, at: datetime) -> None:
    """It was no failure: the user's are forgotten, the address's are one less."""
    address_subject, *users = subjects(user, address)
    await store.forgive(connection, users, address_subject, at)


def delay(failures: int, free: int, longest: int) -> timedelta:
    """How long the next try waits: nothing at first, then twice as long each time, up to `longest` seconds."""
    if failures < free:
        return timedelta(0)
    return timedelta(seconds=min(1 << min(failures - free, 20), longest))


def _digest(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}\x00{name}".encode("utf-8", "surrogatepass")).digest()


def _network(address: str | None) -> str:
    try:
        read = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"  # all of them wait together
    if isinstance(read, ipaddress.IPv6Address):
        return str(read.ipv4_mapped or ipaddress.ip_network((int(read) >> 64 << 64, 64)))
    return str(read)
