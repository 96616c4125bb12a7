"""One policy's life, from the day on which it was signed: what its insurer told of it, and when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sandbox import invoices, records
from sandbox.history.market import Product
from sandbox.history.telling import Days, HandedIn, Paper, Said
from sandbox.insurers import Insurer
from sandbox.records import PolicyFacts, Record
from sandbox.world import World

_OLD_PAPERS = 420  # days ago: until then insurers sealed with the certificate that has expired since
_TAX_PAPERS = 660  # days ago: before that the tax authority's seal was another one, which nobody trusts here
_DELAYS = ((1, 2, 3, 4, 6, 9, 13), (45, 27, 12, 6, 5, 3, 2))
_BORDEREAUX_UNTIL = 640  # days ago: then the smallest insurer began to send the standard schema
_LIMITS = ("10000000", "20000000", "30000000", "40000000", "50000000", "80000000")
_RATES = ("0.8", "0.85", "1", "1.2", "1.5", "1.6", "1.8", "2", "2.2", "2.5")


@dataclass(slots=True)
class Life:
    """A policy, and everything that is told of it. `kept` was never told, though its insurer counts it.

    `fate` is how it goes wrong, `honest` if it does not; `paid_on` is when the whole premium was there and told.
    """

    world: World
    days: Days
    insurer: Insurer
    number: int
    product: Product
    clauses: Sequence[Mapping[str, str]]
    line: str
    issued_on: date
    fate: str
    draw: Random
    told: list[Said | HandedIn] = field(default_factory=list)
    kept: list[Said] = field(default_factory=list)
    policy: PolicyFacts | None = None
    paid_on: date | None = None
    ends: int = 0

    @property
    def clauses_untold(self) -> bool:
        """Whether the policy was told in a format that has no column for clauses."""
        first = next((one.day for one in self.told if isinstance(one, Said)), self.days.last)
        return self.insurer.code == "SANDBOX-H" and first < bordereaux_until(self.world)

    @property
    def facts(self) -> PolicyFacts:
        """The policy."""
        if self.policy is None:
            self.policy = self._make()
        return self.policy

    def _make(self, **changes: Any) -> PolicyFacts:
        given: dict[str, Any] = {
            "policy_no": f"{self.insurer.prefix}{self.issued_on.year}330100{self.number:08d}",
            "policyholder": self.product.holder.party(),
            "product": dict(self.product.body),
            "line": self.line,
            "clauses": self.clauses,
            "issued_on": self.issued_on,
            "start": self.issued_on + timedelta(days=self.draw.randrange(1, 15)),
            "years": 1,
            "aggregate": self.draw.choice(_LIMITS),
            "rate": self.draw.choice(_RATES),
        }
        return records.policy(self.insurer.code, **(given | changes))

    def make(self, **changes: Any) -> None:
        """The policy with these facts instead; before anything is told of it."""
        self.policy = self._make(**changes)

    # Telling

    def soon(self, day: date, least: int = 0) -> date:
        """The working day on which what happened on `day` is told; most of it the next."""
        return self.days.working(day + timedelta(days=max(least, self.draw.choices(*_DELAYS)[0])))

    def say(self, day: date, record: Record, *papers: Paper, **how: Any) -> None:
        """Tell a record on that day, unless the day is still to come."""
        if day <= self.days.last:
            self.told.append(Said(day, record, papers, **how))

    def tell_policy(self, day: date | None = None, paper: Paper | None = None, **how: Any) -> date:
        """The policy with its sealed document; when it was told."""
        day = day or self.soon(self.issued_on)
        self.say(day, self.facts, paper or self.e_policy(), **how)
        return day

    def pay(self, day: date, amount: str, number: int = 1, **changes: Any) -> date:
        """Premium arrives on `day`, and is told soon. When it was told."""
        if day > self.days.last:
            return day
        receipt = records.receipt(
            self.facts,
            receipt_no=f"SK{day:%Y%m%d}{self.facts.policy_no[-8:]}{number:02d}",
            amount=amount,
            received_on=day,
            instalment_no=changes.pop("instalment_no", None),
            in_full=changes.pop("in_full", True),
        ).with_(changes)
        told = self.soon(day)
        papers = [self._statement(receipt)] if self.draw.random() < 0.12 else []
        self.say(told, receipt, *papers)
        return told

    def pay_all(self) -> None:
        """The whole premium, at once or in instalments a month apart."""
        plan = self.facts.body["instalments"]
        for one in plan:
            last = one["no"] == len(plan)
            day = max(date.fromisoformat(one["due_on"]), self.issued_on + timedelta(days=self.draw.randrange(0, 9)))
            told = self.pay(
                day,
                one["amount"],
                one["no"],
                instalment_no=one["no"] if len(plan) > 1 else None,
                in_full=last,
            )
        self.paid_on = told if told <= self.days.last else None

    def in_parts(self, count: int) -> None:
        """Premium in `count` monthly parts."""
        self.make()
        gross = Decimal(self.facts.gross)
        part = (gross / count).quantize(Decimal("0.01"))
        start = date.fromisoformat(self.facts.body["period"]["start"])
        plan = [
            {
                "no": number,
                "due_on": (start + timedelta(days=30 * (number - 1))).isoformat(),
                "amount": records.yuan(part if number < count else gross - part * (count - 1)),
            }
            for number in range(1, count + 1)
        ]
        self.policy = self.facts.with_({"instalments": plan})

    def bill(self, gross: str | None = None, number: int = 1) -> Record:
        """The invoice of the premium, or of `gross`, told a few days later; a few with the sealed invoice itself."""
        day = self.issued_on + timedelta(days=self.draw.randrange(0, 6))
        record = self._invoice(day, gross or self.facts.gross, number, None)
        sealed = number == 1 and self.draw.random() < 0.08 and (self.days.last - day).days < _TAX_PAPERS
        papers = [Paper("invoice", "application/ofd", lambda: self.world.e_invoice(record))] if sealed else []
        self.say(self.soon(day, least=1), record, *papers, plain=True)
        return record

    def red_flush(self, blue: Record, day: date) -> None:
        """The invoice is cancelled by a red letter 红冲."""
        red = self._invoice(day, blue.body["gross"], 1, blue.body["invoice_no"])
        self.say(self.soon(day), red, plain=True)

    def _invoice(self, day: date, gross: str, number: int, red_of: str | None) -> Record:
        return invoices.invoice(
            self.facts,
            invoice_no=f"{day:%y}33{self.facts.policy_no[-8:]}{number:02d}{'1' if red_of else '0'}00000",
            issued_on=day,
            seller={"name": self.insurer.name, "credit_code": self.insurer.credit_code},
            gross=gross,
            red_of=red_of,
        )

    def endorse(self, kind: str, day: date, gross: str | None) -> date:
        """A change of the policy; when it was told."""
        self.ends += 1
        change = records.endorsement(
            self.facts, endorsement_no=self.change_no(), kind=kind, issued_on=day, effective_on=day, gross=gross
        )
        told = self.soon(day)
        self.say(told, change)
        return told

    def cancel(self, kind: str, day: date, gross: str) -> None:
        """The policy ends: `mid_term` on `day`, `from_inception` on its first day; `gross` is to be returned."""
        self.ends += 1
        effective = day if kind == "mid_term" else date.fromisoformat(self.facts.body["period"]["start"])
        record = records.cancellation(
            self.facts, endorsement_no=self.change_no(), effective_on=effective, gross=gross, reason="投保人申请退保"
        ).with_({"kind": kind})
        self.say(self.soon(day), record, plain=kind == "from_inception")

    def refund(self, day: date, amount: str) -> None:
        """Premium goes back."""
        if day > self.days.last:
            return
        record = records.refund(
            self.facts,
            refund_no=f"TF{day:%Y%m%d}{self.facts.policy_no[-8:]}{self.ends:02d}",
            endorsement_no=self.change_no(),
            amount=amount,
            paid_on=day,
            reason="投保人申请退费",
        )
        self.say(self.soon(day), record)

    def change_no(self) -> str:
        """The number of the latest endorsement."""
        return f"E{self.facts.policy_no[1:]}{self.ends:02d}"

    # Papers

    def e_policy(self, facts: PolicyFacts | None = None, **how: Any) -> Paper:
        """The sealed e-policy, under the certificate that its insurer had then."""
        told, world, insurer = facts or self.facts, self.world, self.insurer
        if "certificate" not in how and (self.days.last - self.issued_on).days > _OLD_PAPERS:
            how["certificate"] = "expired"
        return Paper("policy", insurer.media_type, lambda: world.e_policy(insurer, told, **how))

    def _statement(self, receipt: Record) -> Paper:
        old = (self.days.last - date.fromisoformat(receipt.body["received_on"])).days > _OLD_PAPERS
        insurer, world = self.insurer, self.world
        return Paper(
            "statement",
            insurer.media_type,
            lambda: world.premium_statement(insurer, receipt, certificate="expired" if old else "current"),
        )


def bordereaux_until(world: World) -> date:
    """The day on which the smallest insurer sent no bordereaux any more."""
    return world.today - timedelta(days=_BORDEREAUX_UNTIL)


def part_of(gross: str, percent: int) -> str:
    """So much of an amount, in whole fen."""
    return records.yuan((Decimal(gross) * percent / 100).quantize(Decimal("0.01")))


def live_honestly(life: Life) -> None:
    """Sealed, told, paid; most with an invoice."""
    parts = life.draw.choices((1, 2, 4), (86, 11, 3))[0]
    if parts > 1:
        life.in_parts(parts)
    life.tell_policy()
    life.pay_all()
    if life.draw.random() < 0.55:
        life.bill()


Fate = Callable[[Life], None]


def after(life: Life, least: int, most: int) -> date:
    """A day so many days after the policy was signed."""
    return life.issued_on + timedelta(days=life.draw.randrange(least, most))


def replaced(life: Life, place: int, **how: Any) -> None:
    """What was told there, told otherwise."""
    one = life.told[place]
    assert isinstance(one, Said)
    life.told[place] = replace(one, **how)
