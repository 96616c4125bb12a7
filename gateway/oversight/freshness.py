"""How fresh each registry is: as of which day its sources spoke last, and whether that is too long ago to rest on."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Spoken:
    """The latest day as of which a source of a registry spoke; `whole` if it stated all that it has then."""

    registry: str
    source: str
    as_of: date
    whole: bool


def freshness(
    spoken: Iterable[Spoken], today: date, max_age_days: int, required: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Each source with its age in days on `today`. Stale is what is older than `max_age_days`, speaks of a day to come,
    or never spoke though its registry is `required`."""
    found: list[dict[str, Any]] = []
    for one in sorted(spoken, key=lambda one: (one.registry, one.source)):
        age = (today - one.as_of).days
        found.append(
            {
                "registry": one.registry,
                "source": one.source,
                "as_of": str(one.as_of),
                "age_days": age,
                "max_age_days": max_age_days,
                "whole": one.whole,
                "stale": not 0 <= age <= max_age_days,
            }
        )
    silent = sorted(set(required) - {one["registry"] for one in found})
    nothing = {"source": None, "as_of": None, "age_days": None, "max_age_days": max_age_days, "whole": False}
    return found + [{"registry": name, **nothing, "stale": True} for name in silent]
