"""Proposals, confirmations, withdrawals and pushes in any order: the bitemporal registry is what a naive model says."""

import asyncio
import base64
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from house import AT, ORIGIN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.acts import Acting, Objected
from gateway.db import Connection
from gateway.filing import store
from gateway.filing.proposals.decide import Outdated, confirm, propose, withdraw
from gateway.filing.proposals.preview import Preview
from gateway.filing.proposals.store import known_of
from gateway.filing.push import Push, Pushed, push
from gateway.filing.store import Superseded
from gateway.participants import Participant, ParticipantKey
from sandbox.keys import make_key

NUMBERS = [f"C00000230912026030100{serial:03d}" for serial in range(1, 5)]
FIRST_DAY = date(2026, 8, 1)
_registries = itertools.count(1)
_seconds = itertools.count(1)


@dataclass(frozen=True)
class File:
    """What a file states: which variant of which clause, as of the how-manieth day, and whether that is all."""

    variants: tuple[int | None, ...]
    day: int
    whole: bool

    def stated(self) -> dict[str, int]:
        return {number: one for number, one in zip(NUMBERS, self.variants, strict=True) if one is not None}

    def body(self, registry: str) -> bytes:
        filings = [
            {
                "registration_no": number,
                "insurer": "PICC",
                "name": f"条款{variant}",
                "kind": "main",
                "line": "product_liability",
                "regime": "filed",
                "registered_on": "2026-03-01",
                "intervals": [{"state": "in_use", "from": "2026-03-02"}],
            }
            for number, variant in self.stated().items()
        ]
        as_of = str(FIRST_DAY + timedelta(days=self.day))
        return json.dumps({"registry": registry, "as_of": as_of, "filings": filings}).encode()


@dataclass(frozen=True)
class State:
    """What is known of each number, with the day of it; and the latest day and content of a whole statement."""

    known: tuple[tuple[str, int | None, int], ...] = ()
    whole: tuple[int, tuple[tuple[str, int], ...]] | None = None

    def stated(self) -> dict[str, int]:
        return {number: variant for number, variant, _ in self.known if variant is not None}

    def after(self, file: File, *, strictly: bool) -> "State | None":
        """What is known once the file counts; `None` if something later is known, itself if it says nothing new.

        What is proposed is looked at more strictly: it does not leave out what was stated later either.
        """
        known = {number: (variant, day) for number, variant, day in self.known}
        now = file.stated()
        differing = {number: one for number, one in now.items() if known.get(number, (None, 0))[0] != one}
        ended = [number for number in self.stated() if file.whole and number not in now]
        latest = self.whole[0] if self.whole else -1
        days = [max(known.get(number, (None, -1))[1], latest) for number in differing]
        days += [latest] if file.whole or strictly else []
        days += [known[number][1] for number in ended if strictly]
        if any(day > file.day for day in days):
            return None
        known |= {number: (one, file.day) for number, one in differing.items()}
        known |= dict.fromkeys(ended, (None, file.day))
        whole = (file.day, tuple(sorted(now.items()))) if file.whole else self.whole
        return State(tuple((number, *one) for number, one in sorted(known.items())), whole)


@dataclass
class Proposed:
    id: str
    file: File
    base: State
    by: str
    end: str | None = None


@dataclass
class Model:
    state: State = State()
    proposals: list[Proposed] = field(default_factory=list)
    moments: list[tuple[datetime, State]] = field(default_factory=list)


FILES = st.builds(
    File,
    st.tuples(*[st.sampled_from([None, 0, 0, 1])] * len(NUMBERS)),
    st.sampled_from([2, 2, 2, 3, 1, 0]),
    st.booleans(),
).filter(lambda file: file.whole or bool(file.stated()))
PEOPLE = st.sampled_from(["甲", "乙", "丙"])
WHICH = st.sampled_from([0, 0, 0, 1, 2, 3])  # counted from the latest proposal
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("propose"), PEOPLE, FILES),
        st.tuples(st.just("propose"), PEOPLE, FILES),
        st.tuples(st.just("confirm"), PEOPLE, WHICH),
        st.tuples(st.just("confirm"), PEOPLE, WHICH),
        st.tuples(st.just("confirm"), PEOPLE, WHICH),
        st.tuples(st.just("withdraw"), PEOPLE, WHICH),
        st.tuples(st.just("push"), st.just("系统"), FILES),
    ),
    min_size=4,
    max_size=16,
)


def acting(holder: str) -> Acting:
    key = make_key(1, "model", "ed25519")  # one key for all: what counts is who holds it
    stated = {"keyid": f"k-{holder.encode().hex()}", "algorithm": "ed25519", "holder": holder}
    registered = ParticipantKey.model_validate(stated | {"public_key": base64.b64encode(key.spki).decode()})
    return Acting(Participant(code="REGULATOR", role="regulator", name="监管", keys=(registered,)), registered, {})


class Run:
    """One sequence of steps on a registry of its own; the database and its clock go on from one to the next."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.registry = f"登记机构{next(_registries)}"
        self.model = Model()
        self.at = AT

    async def take(self, step: tuple[str, str, Any]) -> None:
        self.at = AT + timedelta(seconds=next(_seconds))
        what, who, given = step
        if what in ("propose", "push"):
            pushed = Push(given.body(self.registry), "application/json", "REGULATOR", {}, whole=given.whole)
            await (self.propose(pushed, who, given) if what == "propose" else self.push(pushed, given))
        elif self.model.proposals:
            proposed = self.model.proposals[-1 - given % len(self.model.proposals)]
            await (self.confirm(proposed, who) if what == "confirm" else self.withdraw(proposed, who))
        self.model.moments.append((self.at, self.model.state))

    async def push(self, pushed: Push, file: File) -> None:
        after = self.model.state.after(file, strictly=False)
        try:
            done = await push(self.connection, pushed, insurers=[], at=self.at, log_origin=ORIGIN)
        except Superseded:
            assert after is None
            return
        assert isinstance(done, Pushed)
        assert after is not None
        assert (done.leaf is None) == (after == self.model.state)
        self.model.state = after

    async def propose(self, pushed: Push, who: str, file: File) -> None:
        after = self.model.state.after(file, strictly=True)
        try:
            done = await propose(self.connection, pushed, acting(who), [], self.at)
        except Objected:
            assert after == self.model.state
            return
        if isinstance(done, Preview):
            assert after is None
            return
        proposal, is_new = done
        assert after not in (None, self.model.state)
        same = [one for one in self.model.proposals if (one.file, one.base, one.end) == (file, self.model.state, None)]
        assert is_new == (not same)
        if is_new:
            self.model.proposals.append(Proposed(proposal.id, file, self.model.state, who))
        else:
            assert proposal.id == same[0].id

    async def confirm(self, proposed: Proposed, who: str) -> None:
        try:
            proposal, is_new = await confirm(self.connection, proposed.id, acting(who), [], lambda: self.at, ORIGIN)
        except Outdated:
            assert proposed.base != self.model.state
            return
        except Objected:
            assert proposed.end == "withdrawn" or who == proposed.by
            return
        assert proposal.end is not None
        assert is_new == (proposed.end is None)
        if is_new:
            assert (proposed.base, who != proposed.by) == (self.model.state, True)
            after = self.model.state.after(proposed.file, strictly=True)
            assert after is not None
            self.model.state, proposed.end = after, "effective"

    async def withdraw(self, proposed: Proposed, who: str) -> None:
        try:
            _, is_new = await withdraw(self.connection, proposed.id, acting(who), self.at)
        except Objected:
            assert proposed.end == "effective"
            return
        assert is_new == (proposed.end is None)
        proposed.end = "withdrawn"

    async def holds_now(self) -> None:
        """What is known now is what the model says."""
        known = await known_of(self.connection, self.registry)
        found = [
            (number, one.statement and int(one.statement["name"].removeprefix("条款")), (one.as_of - FIRST_DAY).days)
            for number, one in sorted(known.items())
        ]
        assert tuple(found) == self.model.state.known

    async def holds_for_ever(self) -> None:
        """Every moment is answered as it was when it was now."""
        for at, state in self.model.moments:
            known = await store.load(self.connection, at)
            own = [one for number in NUMBERS for one in known.find(number) if one.source.registry == self.registry]
            stated = [
                (one.registration_no, int(one.name.removeprefix("条款")), (one.source.as_of - FIRST_DAY).days)
                for one in own
            ]
            assert stated == [one for one in state.known if one[1] is not None]
            day = known.as_of.get(self.registry)
            assert (day and (day - FIRST_DAY).days) == (state.whole and state.whole[0])


def test_in_any_order_the_registry_is_what_the_model_says(dsn: str) -> None:
    async def run(steps: Sequence[tuple[str, str, Any]]) -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            one = Run(connection)
            for step in steps:
                await one.take(step)
                await one.holds_now()
            await one.holds_for_ever()

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS)
    def property_(steps: Sequence[tuple[str, str, Any]]) -> None:
        asyncio.run(run(steps))

    property_()
