"""The whole history of one world: which policies there were, how each went, and what is said on which day."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from random import Random
from typing import Any

from sandbox.filings import clause_number
from sandbox.history import clauses
from sandbox.history.authorities import speak
from sandbox.history.closings import close_days, summarise_claims
from sandbox.history.deliveries import deliver
from sandbox.history.fates import COURSES
from sandbox.history.lives import Life, bordereaux_until, live_honestly
from sandbox.history.market import Enterprise, Product, enterprises, products
from sandbox.history.telling import Days, Event, HandedIn, Said, Word
from sandbox.insurers import WITHOUT_LINE, Insurer
from sandbox.randomness import drawing
from sandbox.world import World

LENGTH = 730  # days
_EXTENT = 0.14  # products for each policy: one is insured about seven times in two years
_LEAST_PRODUCTS = 64
_SHARES = {"A": 21, "B": 17, "C": 16, "D": 14, "E": 11, "F": 9, "G": 7, "H": 5}
_RENEWED = 0.7
_RENEWAL = 365
_FIRST_NUMBER = 100_000
_DRUGS = 0.1


class History:
    """What happened in `world` during the two years before its moment, with `count` policies."""

    def __init__(self, world: World, count: int) -> None:
        if count < 1:
            raise ValueError("a history has policies")
        self.world = world
        self.count = count
        self.days = Days(world.today - timedelta(days=LENGTH), world.today - timedelta(days=1))

    @cached_property
    def enterprises(self) -> list[Enterprise]:
        """Who buys insurance."""
        return enterprises(self.world.seed)

    @cached_property
    def products(self) -> list[Product]:
        """What is insured."""
        extent = max(_LEAST_PRODUCTS, int(self.count * _EXTENT))
        return products(self.world.seed, self.enterprises, self.world.today, extent)

    @cached_property
    def filings(self) -> list[dict[str, Any]]:
        """Every filing as it stands today: the demonstration's own first."""
        return [*self.world.filings(), *clauses.further(self.world.insurers, self.world.today)]

    @cached_property
    def lives(self) -> list[Life]:
        """Every policy's life, each told to its end."""
        draw = drawing(f"lives/{self.world.seed}/{self.count}")
        fates = self._fates(draw)
        made: list[Life] = []
        renewed: list[tuple[Life, date]] = []
        for number in range(self.count):
            fate = fates[number]
            life = self._renewal(renewed, number, draw) if fate == "honest" else None
            life = life or self._new(number, fate, draw)
            made.append(life)
            (COURSES[fate].go if fate in COURSES else live_honestly)(life)
            if fate == "honest":
                deliver(life)
            again = life.issued_on + timedelta(days=_RENEWAL - draw.randrange(0, 12))
            if again <= self.days.last and draw.random() < _RENEWED:
                renewed.append((life, again))
        return made

    def _fates(self, draw: Random) -> list[str]:
        """How each policy goes: every course at least once where there are policies enough, else as often as it is."""
        names = list(COURSES)
        often = [COURSES[name].often for name in names]
        drawn = draw.choices([*names, "honest"], [*often, 1000 - sum(often)], k=self.count)
        if len(drawn) > len(names):
            missing = [name for name in names if name not in drawn]
            honest = [place for place, name in enumerate(drawn) if name == "honest"]
            for name, place in zip(missing, draw.sample(honest, min(len(missing), len(honest))), strict=False):
                drawn[place] = name
        return drawn

    def _renewal(self, renewed: list[tuple[Life, date]], number: int, draw: Random) -> Life | None:
        """A policy that goes on where one of a year before ended: same product, same insurer."""
        if not renewed or draw.random() < 0.25:
            return None
        earlier, issued_on = renewed.pop(draw.randrange(len(renewed)))
        issued_on = self.days.working(issued_on)
        if issued_on > self.days.last:
            return None
        return self._life(number, "honest", earlier.insurer, earlier.product, issued_on, draw)

    def _new(self, number: int, fate: str, draw: Random) -> Life:
        course = COURSES.get(fate)
        letters = course.insurers if course and course.insurers else "".join(_SHARES)
        letter = draw.choices(letters, [_SHARES[one] for one in letters])[0]
        most, least = (course.signed if course else None) or (LENGTH - 3, 1)
        signed = self.days.working(self.world.today - timedelta(days=draw.randint(least, most)))
        issued_on = min(signed, self.days.last)
        product = self.products[draw.randrange(len(self.products))]
        return self._life(number, fate, self.world.insurer(f"SANDBOX-{letter}"), product, issued_on, draw)

    def _life(self, number: int, fate: str, insurer: Insurer, product: Product, issued_on: date, draw: Random) -> Life:
        own = drawing(f"life/{self.world.seed}/{number}")
        # Of whom only one line of cover is registered, for want of a column, no other is sold.
        drug = fate == "honest" and own.random() < _DRUGS and insurer.dialect not in WITHOUT_LINE
        return Life(
            world=self.world,
            days=self.days,
            insurer=insurer,
            number=_FIRST_NUMBER + number,
            product=product,
            clauses=self._clauses(insurer, fate, issued_on, drug=drug, draw=own),
            line="drug_liability" if drug else "product_liability",
            issued_on=issued_on,
            fate=fate,
            draw=own,
        )

    def _clauses(
        self, insurer: Insurer, fate: str, day: date, *, drug: bool, draw: Random
    ) -> Sequence[Mapping[str, str]]:
        """The clauses that the insurer sold on that day; those of a course that breaks the rules break them."""
        main, rider, old, *more = (one for one in self.filings if one["insurer"] == insurer.code)
        if fate == "unfiled":
            number = clause_number(insurer.company_code, "main", date.fromisoformat(main["registered_on"]), 99)
            return [{"registration_no": number, "name": "药品产品责任保险条款（特别版）", "kind": "main"}]
        if fate == "stopped":
            return [clauses.named(old)]
        if fate in ("ordered-stop", "late-filed"):
            return [clauses.named(more[-1])]
        if drug:
            return [clauses.named(more[0])]
        usable = [one for one in (main, old, *more[1:]) if _in_use(one, day)]
        chosen = usable[0] if draw.random() < 0.8 else draw.choice(usable)
        riders = (
            [rider]
            if not fate.startswith("rate") and chosen is main and _in_use(rider, day) and draw.random() < 0.6
            else []
        )
        return [clauses.named(one) for one in (chosen, *riders)]

    @cached_property
    def events(self) -> list[Event]:
        """Everything that is said, in the order of days."""
        told: list[Event] = [one for life in self.lives for one in map(self._in_form, life.told)]
        told += close_days(self)
        told += summarise_claims(self)
        told += speak(self)
        return sorted(told, key=lambda one: one.day)

    def _in_form(self, one: Said | HandedIn) -> Said | HandedIn:
        """The smallest insurer sent bordereaux at first, and then the standard schema."""
        if isinstance(one, Said) and one.insurer == "SANDBOX-H" and one.day >= bordereaux_until(self.world):
            return replace(one, plain=True)
        return one

    def by_day(self) -> Iterator[tuple[date, list[Event]]]:
        """What is said on each day on which something is."""
        found: dict[date, list[Event]] = defaultdict(list)
        for one in self.events:
            found[one.day].append(one)
        yield from sorted(found.items())

    def words(self) -> list[Word]:
        """What authorities say."""
        return [one for one in self.events if isinstance(one, Word)]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of what."""

    days: int
    policies: int
    records: int
    papers: int
    words: int


def count(history: History) -> Counts:
    """How much a history has to tell."""
    said = [one for one in history.events if isinstance(one, Said)]
    papers = sum(len(one.papers) for one in said) + sum(isinstance(one, HandedIn) for one in history.events)
    days = len({one.day for one in history.events})
    return Counts(days, len(history.lives), len(said), papers, len(history.words()))


def _in_use(filing: Mapping[str, Any], day: date) -> bool:
    text = day.isoformat()
    return (
        any(one["state"] == "in_use" and one["from"] <= text <= one.get("to", "9999") for one in filing["intervals"])
        and str(filing["registered_on"]) <= text
    )
