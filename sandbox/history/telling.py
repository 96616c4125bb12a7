"""What is sent when: records with their papers, and words of authorities, each at its moment."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from sandbox.randomness import drawing
from sandbox.records import Record
from schemas.calendar import Unpublished, load_calendar

_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Paper:
    """A sealed document: its kind, and how its bytes are made, which costs milliseconds and is put off until sent.

    `later` is handed in so many days after the record that names it; `never` is named by nobody who saw it.
    """

    kind: str
    media_type: str
    make: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """A record that an insurer tells on `day`, with its papers. `plain`: in the standard schema whatever its format is;
    `alone`: in a message of its own, since it is going to be refused. `spoil` breaks the message on its way."""

    day: date
    record: Record
    papers: tuple[Paper, ...] = ()
    plain: bool = False
    alone: bool = False
    spoil: bool = False

    @property
    def insurer(self) -> str:
        """Who tells it."""
        return self.record.insurer


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A paper that an insurer hands in by itself, on `day`: its record was told before, or never."""

    day: date
    insurer: str
    paper: Paper


@dataclass(frozen=True, slots=True)
class Word:
    """What an authority says on `day`, or an insurer to it: who, how, and the body.

    `inquiry` names an inquiry for the plan; its id is what the gateway answers, and stands for `{inquiry}` in `path`.
    """

    day: date
    who: str
    method: str
    path: str
    body: bytes
    content_type: str = "application/json"
    inquiry: str = ""


Event = Said | HandedIn | Word


@dataclass(frozen=True, slots=True)
class Days:
    """The days of the history: from `first` on, up to `last`, which is the day before the world's moment."""

    first: date
    last: date

    def moment(self, day: date, seed: int) -> datetime:
        """When on that day insurers tell what they have: in office hours, another minute each day."""
        minutes = drawing(f"moment/{seed}/{day}").randrange(8 * 60)
        return datetime.combine(day, time(9, 5), _BEIJING) + timedelta(minutes=minutes)

    def working(self, day: date) -> date:
        """The day, or the next that is worked, as far as anybody has published which are."""
        while not _is_worked(day):
            day += timedelta(days=1)
        return day

    def __iter__(self) -> Iterator[date]:
        return iter(self.first + timedelta(days=place) for place in range((self.last - self.first).days + 1))


def _is_worked(day: date) -> bool:
    try:
        return load_calendar().is_working_day(day)
    except Unpublished:
        return day.weekday() < 5


def envelope(kind: str, message_id: str, at: datetime, body: Mapping[str, Any]) -> dict[str, Any]:
    """A message of an authority, in the standard schema."""
    return {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": message_id,
        "sent_at": at.astimezone(_BEIJING).isoformat(timespec="seconds"),
        "record": body,
    }
