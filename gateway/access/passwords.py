"""Passwords: kept as Argon2id hashes (RFC 9106), compared in a thread, a few at a time."""

import asyncio
import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.problems import Unavailable

_AT_ONCE = 2  # each takes its memory, 64 MiB by default
_WAITING = 20
_LEAST_MEMORY, _MOST_MEMORY = 19_456, 1024 * 1024  # KiB; the least is OWASP's
_LEAST_TIME, _MOST_TIME = 2, 100
_SHORTEST, LONGEST = 12, 1024  # characters of a password
_NOBODY = "c29tZWJvZHktZWxzZQ$8DWmjVqe0lmBLcTQ0CdbqkXnXVhrdZxRI0uRsmBqtVE"  # salt and hash of nobody's password


def hash_password(password: str) -> str:
    """The Argon2id hash to keep. Raises ValueError on one that is too short to keep anybody out."""
    if not _SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has from {_SHORTEST} to {LONGEST} characters")
    return PasswordHasher().hash(_as_meant(password))


def find_flaw(stored: str) -> str | None:
    """Why nothing may be compared with this hash; None if it may."""
    try:
        parameters = extract_parameters(stored)
    except InvalidHashError:
        return "password_hash is no Argon2 hash: make one with `gateway user add`"
    if parameters.type is not Type.ID:
        return "password_hash is not Argon2id"
    if not _LEAST_MEMORY <= parameters.memory_cost <= _MOST_MEMORY:
        return f"password_hash: memory from {_LEAST_MEMORY} to {_MOST_MEMORY} KiB"
    if not _LEAST_TIME <= parameters.time_cost <= _MOST_TIME:
        return f"password_hash: from {_LEAST_TIME} to {_MOST_TIME} passes"
    return None


class Passwords:
    """What compares passwords in this process: as long for a name that nobody has as for one that somebody has."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def agrees(self, stored: str | None, password: str, others: Iterable[str]) -> bool:
        """Whether it is the password of `stored`. Without one: no, after the work that the costliest of `others` takes.

        Raises `Unavailable` if too many wait.
        """
        if self._waiting >= _WAITING:
            raise Unavailable("too many sign in at this moment", headers={"retry-after": "2"})
        self._waiting += 1
        try:
            async with self._turns:
                agrees = await asyncio.to_thread(_verify, stored or _nobody(others), password)
        finally:
            self._waiting -= 1
        return agrees and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(stored, _as_meant(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _nobody(others: Iterable[str]) -> str:
    """A hash that nothing agrees with, as costly as the costliest of these."""
    costs = [extract_parameters(one) for one in others]
    worst = max(costs, key=lambda one: (one.memory_cost, one.time_cost), default=None)
    memory, time, lanes = (worst.memory_cost, worst.time_cost, worst.parallelism) if worst else (65_536, 3, 4)
    return f"$argon2id$v=19$m={memory},t={time},p={lanes}${_NOBODY}"


def _as_meant(password: str) -> str:
    """One form of what can be typed in several (RFC 8265 section 4.2: normalization form C)."""
    return unicodedata.normalize("NFC", password)
