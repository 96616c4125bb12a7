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
    "含当日，删去本问 it is: remove this question",
    "不含 it is not: POLICY.rules: adapters.choices.exclusive_end, 在 before settle.period",
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
            f"末日 last day: {end.field.header}",
            f"当日在保？ is that day insured? {shown}: 比整年多一天 a day more than a year",
            _CHOICES,
        )
    if inclusive or not untold:
        return None
    return Undecided(
        f"末日 last day: {end.field.header}",
        "当日在保？样例中没有整年 is that day insured? no period of the sample is whole years",
        _CHOICES,
    )


def _moment(text: str) -> Moment | None:
    try:
        return dates.moment_or_serial(text)
    except Unreadable:
        return None


def _day(text: str) -> date | None:
    found = _moment(text)
    return found.day if found is not None else None
