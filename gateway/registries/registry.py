"""One registry as it was known at one moment: an immutable value that checks are given."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

from gateway.registries.entries import CreditRecord, HospitalProduct, RegistryEntry, SisterAward, Variety
from schemas.canonical import canonical

E = TypeVar("E", bound=RegistryEntry)
Silence = Literal["registry-not-connected", "registry-not-whole", "registry-as-of-in-future", "registry-stale"]


@dataclass(frozen=True, slots=True)
class Stated(Generic[E]):
    """An entry with the source that states it, and the day as of which it does."""

    source: str
    as_of: date
    entry: E


class Registry(Generic[E]):
    """What every source of one registry states, by what its entries are found by.

    `wholes` are the days of the latest statements that a source made of *all* that it has: only they say that something
    is not there, and they confirm what their source stated before. `digest` goes into every report.
    """

    __slots__ = ("_by_key", "count", "digest", "known_at", "wholes")

    def __init__(
        self,
        stated: Iterable[Stated[E]] = (),
        wholes: Mapping[str, date] | None = None,
        known_at: datetime | None = None,
    ) -> None:
        found: dict[str, list[Stated[E]]] = {}
        lines: list[str] = []
        for one in sorted(stated, key=lambda one: (one.entry.key(), one.source)):
            for key in one.entry.found_by():
                found.setdefault(key, []).append(one)
            digest = hashlib.sha256(canonical(one.entry)).hexdigest()
            lines.append(f"{one.source}\n{one.as_of}\n{digest}")
        self._by_key: Mapping[str, tuple[Stated[E], ...]] = MappingProxyType(
            {key: tuple(entries) for key, entries in found.items()}
        )
        self.count = len(lines)
        self.wholes: Mapping[str, date] = MappingProxyType(dict(sorted((wholes or {}).items())))
        self.known_at = known_at
        named = {"entries": lines, "wholes": {source: str(day) for source, day in self.wholes.items()}}
        self.digest = f"sha256:{hashlib.sha256(canonical(named)).hexdigest()}"

    def find(self, key: str | None) -> tuple[Stated[E], ...]:
        """What the sources state under this key."""
        return self._by_key.get(key, ()) if key is not None else ()

    @property
    def is_connected(self) -> bool:
        """Whether anybody ever stated anything."""
        return bool(self.count or self.wholes)

    def why_silent(self, today: date, max_age_days: int) -> Silence | None:
        """Why the registry cannot say that something is *not* there; `None` if it can.

        Every source that made a whole statement has to be fresh: what one of them no longer knows may have come since.
        """
        if not self.wholes:
            return "registry-not-whole" if self.count else "registry-not-connected"
        if any(day > today for day in self.wholes.values()):
            return "registry-as-of-in-future"
        if any((today - day).days > max_age_days for day in self.wholes.values()):
            return "registry-stale"
        return None

    def is_fresh(self, stated: Stated[E], today: date, max_age_days: int) -> bool:
        """Whether the entry still counts: stated, or confirmed by a whole statement, recently and not in the future."""
        day = max(stated.as_of, self.wholes.get(stated.source, stated.as_of))
        return 0 <= (today - day).days <= max_age_days


@dataclass(frozen=True, slots=True)
class Registries:
    """All registries as they were known at one moment."""

    varieties: Registry[Variety]
    credit: Registry[CreditRecord]
    sister_awards: Registry[SisterAward]
    hospital_list: Registry[HospitalProduct]

    def identities(self) -> dict[str, str]:
        """The digests that a report names; of registries that nobody ever connected, none."""
        named: dict[str, tuple[str, bool]] = {
            "varieties": (self.varieties.digest, self.varieties.is_connected),
            "credit": (self.credit.digest, self.credit.is_connected),
            "sister-awards": (self.sister_awards.digest, self.sister_awards.is_connected),
            "hospital-list": (self.hospital_list.digest, self.hospital_list.is_connected),
        }
        return {name: digest for name, (digest, is_connected) in named.items() if is_connected}


NOTHING_STATED = Registries(Registry(), Registry(), Registry(), Registry())
"""Registries that nobody connected."""
