"""Whether the last day of a period is the day that is stated, or the one before: what a sample shows of it."""

from datetime import date
from typing import TYPE_CHECKING

from adapters import dates
from adapters.dates import Moment
from adapters.mapping import Undecided
from adapters.problems import Unreadable

if TYPE_CHECKING:
    from adapters.onboarding.decide import Taken

_CHOICES = (
    "the day stated is the last day: remove this question",
    "it ends when that day begins: POLICY.rules: adapters.choices.exclusive_end, before settle.period",
)


def end_question(start: "Taken | None", end: "Taken | None") -> Undecided | None:
    """What has to be asked; nothing if times say it, or if every period of the sample is whole years that way."""
    if start is None or end is None:
        return None
    starts = {row: _day(text) for text, _, row in start.field.values}
    inclusive = exclusive = untold = 0
    for text, where, row in end.field.values:
        found, first = _moment(text), starts.get(row)
        if found is None or first is None or found.clock is not None:
            continue  # a time of day says it
        if dates.whole_years(first, found.day) is not None:
            inclusive += 1
        elif dates.is_anniversary(found.day, first):
            exclusive += 1
            shown = f"{first.isoformat()} to {text.strip()} ({where})"
        else:
            untold += 1
    if exclusive:
        return Undecided(
            f"last day by {end.field.header}", f"is that day insured? {shown} would be a day more than a year", _CHOICES
        )
    if inclusive or not untold:
        return None
    return Undecided(
        f"last day by {end.field.header}", "is that day insured? no period of the sample is whole years", _CHOICES
    )


def _moment(text: str) -> Moment | None:
    try:
        return dates.moment_or_serial(text)
    except Unreadable:
        return None


def _day(text: str) -> date | None:
    found = _moment(text)
    return found.day if found is not None else None
