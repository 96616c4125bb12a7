"""The feed: no reader is ever misled, whatever it does between two pages and whatever happens meanwhile."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
import pytest
from house import e_policy, naming, next_number, world
from hypothesis import given, settings
from hypothesis import strategies as st
from service import Answered, Service, serve

from gateway.db import new_pool
from gateway.feed.page import Cursor, NoCursor, Page, as_json, as_lines
from gateway.feed.store import StoredPremium, list_changes
from gateway.feed.watch import FeedWatch
from schemas.money import Yuan

CHANGES = "/v1/premiums/changes"


async def page(service: Service, query: str = "", who: str = "SUBSIDY", **headers: str) -> Answered:
    got = await service.call(who, "GET", CHANGES + query, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert got.status == 200, got.body
    return got


async def a_life(service: Service, *undone: str) -> str:
    """A policy that is sealed, told and paid; then these things happen to it, in order."""
    who = world().insurer("SANDBOX-C")
    facts = world().policy(who, next_number())
    paper = e_policy(who, facts)
    await service.put(who, paper)
    made = {
        "refund": lambda: world().refund(facts, amount="100.00"),
        "increase": lambda: world().endorsement(facts, gross="10000.00"),
        "paid": lambda: world().receipt(facts, amount="10000.00").with_({"receipt_no": f"SK{facts.policy_no[-8:]}07"}),
        "cancelled": lambda: world().cancellation(facts),
    }
    for record in (naming(facts, "policy", paper), world().receipt(facts), *(made[one]() for one in undone)):
        assert (await service.submit(who, record)).status == 201
    return facts.policy_no


def test_each_item_says_what_stood_before_it_and_the_page_what_there_is(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        empty = (await page(service)).json()
        assert (empty["items"], empty["more"], empty["head"]) == ([], False, 0)
        for _ in range(2):
            await a_life(service)
        whole = (await page(service)).json()
        assert [(item["previous"], item["position"]) for item in whole["items"]] == [(0, 1), (1, 2), (2, 3), (3, 4)]
        assert (whole["head"], whole["more"]) == (4, False)
        assert set(whole["complete_up_to"]) == {one.code for one in service.gateway.participants.insurers()}
        first = (await page(service, "?limit=3")).json()
        assert (first["items"], first["head"], first["more"]) == (whole["items"][:3], 4, True)
        rest = (await page(service, f"?after={first['cursor']}")).json()
        assert (rest["items"], rest["cursor"], rest["more"]) == (whole["items"][3:], whole["cursor"], False)
        premium = whole["items"][0]["premium"]
        assert set(premium["proof"]) == {"leaf_index", "log", "leaf_hash"}

    serve(dsn, work)


def test_lines_say_the_same_and_end_with_the_cursor(dsn: str) -> None:
    async def work(service: Service) -> None:
        await a_life(service)
        whole = await page(service)
        lines = await page(service, accept="application/jsonl")
        assert lines.headers["content-type"] == "application/jsonl"
        *items, end = map(orjson.loads, lines.body.splitlines())
        assert {"items": items, **end} == whole.json()
        assert lines.body.endswith(b"}\n")
        assert (await page(service, accept="application/x-ndjson, */*;q=0.1")).body == lines.body

    serve(dsn, work)


def test_up_to_a_position_the_answer_is_the_same_bytes_for_ever(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        await a_life(service)
        await a_life(service)

        async def digest(size: int) -> str:
            told, query, more = hashlib.sha256(), f"?up_to=4&limit={size}", True
            after = ""
            while more:
                got = await page(service, query + after)
                told.update(got.body)
                more, after = got.json()["more"], f"&after={got.json()['cursor']}"
                assert "complete_up_to" not in got.json()
            return told.hexdigest()

        before = {size: await digest(size) for size in (1, 3, 100)}
        await a_life(service, "refund", "cancelled")
        service.later(days=400)
        assert {size: await digest(size) for size in (1, 3, 100)} == before
        assert (await page(service, "?up_to=0")).json()["items"] == []
        assert (await service.call("SUBSIDY", "GET", f"{CHANGES}?up_to=9999")).status == 400

    serve(dsn, work)


def test_a_cursor_of_another_feed_is_refused(dsn: str) -> None:
    async def work(service: Service) -> None:
        await a_life(service)
        cursor = (await page(service)).json()["cursor"]
        plain = base64.urlsafe_b64decode(cursor + "==")
        version, count, mark = plain.split(b":")
        assert (version, count, len(mark)) == (b"premiums-2", b"2", 16)
        others = [
            b"premiums-1:1",
            b"premiums-2:2:" + b"0" * 16,  # a revision that never stood there
            b"premiums-2:1:" + mark,  # of another position
            b"premiums-2:3:" + mark,  # ahead
            b"premiums-2:0:" + mark,
            b"premiums-2:02:" + mark,
            b"premiums-2:-2:" + mark,
            b"premiums-2:2:" + mark[:-1],
            b"premiums-3:2:" + mark,
        ]
        for other in others:
            text = base64.urlsafe_b64encode(other).decode().rstrip("=")
            got = await service.call("SUBSIDY", "GET", f"{CHANGES}?after={text}")
            assert got.status == 400, other
        start = base64.urlsafe_b64encode(b"premiums-2:0:" + b"0" * 16).decode().rstrip("=")
        assert len((await page(service, f"?after={start}")).json()["items"]) == 2

    serve(dsn, work)


@given(st.text(max_size=100))
def test_no_text_makes_a_cursor_but_what_was_written(text: str) -> None:
    try:
        cursor = Cursor.read(text)
    except NoCursor:
        return
    assert cursor.write() == text


@given(st.integers(0, 10**18 - 1), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_a_cursor_reads_back(count: int, mark: str) -> None:
    cursor = Cursor(count, mark)
    assert Cursor.read(cursor.write()) == cursor


@given(st.lists(st.binary(max_size=20), max_size=5), st.integers(0, 10**6))
def test_stored_bytes_stand_in_the_page_as_they_are(told: list[bytes], first: int) -> None:
    found = [
        StoredPremium(first + place, 7 * place, "ab" * 32, orjson.dumps({"said": one.hex()}))
        for place, one in enumerate(told)
    ]
    made = Page(Cursor(first), found, first + len(found), {"A": None})
    read = orjson.loads(as_json(made, 'an "origin"'))
    assert [one["premium"].pop("proof")["log"] for one in read["items"]] == ['an "origin"'] * len(found)
    assert [one["premium"] for one in read["items"]] == [orjson.loads(one.body) for one in found]
    *items, end = map(orjson.loads, as_lines(made, 'an "origin"').splitlines())
    assert (len(items), end["head"], end["more"]) == (len(found), first + len(found), False)
    assert all(one.body[:-1] in as_json(made, "o") for one in found)


def test_a_page_is_bounded_in_bytes_and_goes_on_behind_them(dsn: str) -> None:
    async def work(service: Service) -> None:
        for _ in range(3):
            await a_life(service)
        async with service.gateway.pool.connection() as connection:
            whole = await list_changes(connection, -1, 100)
            sizes = [len(one.body) for one in whole]
            for most in (1, sizes[0], sizes[0] + 1, sum(sizes[:4]), sum(sizes)):
                found: list[StoredPremium] = []
                while len(found) < len(whole):
                    part = await list_changes(connection, len(found) - 1, 100, most=most)
                    assert part
                    assert sum(len(one.body) for one in part[:-1]) < most
                    found += part
                assert found == whole
                assert [bytes(one.body) for one in found] == [bytes(one.body) for one in whole]

    serve(dsn, work)


# Long-poll


def test_who_waits_is_told_as_soon_as_something_comes_and_holds_no_connection(dsn: str) -> None:
    async def work(service: Service) -> None:
        cursor = (await page(service)).json()["cursor"]
        # More readers than the pool has connections; the insurer's messages go through all the same.
        readers = [asyncio.create_task(page(service, f"?wait=20&after={cursor}")) for _ in range(20)]
        await asyncio.sleep(0.3)
        assert not any(reader.done() for reader in readers)
        await a_life(service)
        async with asyncio.timeout(5):
            told = [await reader for reader in readers]
        assert all(one.json()["items"] for one in told)
        assert {item["position"] for one in told for item in one.json()["items"]} <= {1, 2}
        at_once = await page(service, "?wait=20")  # there is something already
        assert len(at_once.json()["items"]) == 2

    serve(dsn, work)


def test_a_wait_ends_with_an_empty_page_and_the_same_cursor(dsn: str) -> None:
    async def work(service: Service) -> None:
        await a_life(service)
        cursor = (await page(service)).json()["cursor"]
        got = (await page(service, f"?wait=1&after={cursor}")).json()
        assert (got["items"], got["cursor"], got["more"]) == ([], cursor, False)
        fixed = (await page(service, f"?wait=30&up_to=2&after={cursor}")).json()  # nothing can come: no wait
        assert fixed["items"] == []
        for wrong in ("31", "-1", "x", "1.5"):
            assert (await service.call("SUBSIDY", "GET", f"{CHANGES}?wait={wrong}")).status == 400

    serve(dsn, work)


def test_who_waits_hears_of_it_when_the_database_is_gone(dsn: str) -> None:
    async def run() -> None:
        pool = new_pool(dsn, 2)
        await pool.open(wait=True)
        watch = FeedWatch(pool)
        waiting = asyncio.create_task(watch.grown(0, 20))
        await asyncio.sleep(0.2)
        await pool.close()
        with pytest.raises(psycopg.OperationalError):
            await waiting

    asyncio.run(run())


# A consumer


@dataclass
class Books:
    """What a consumer keeps, written as one: its cursor, each policy's net paid, and what the impacts add up to."""

    cursor: str | None = None
    position: int = 0
    net: dict[str, str] = field(default_factory=dict)
    first: dict[str, Yuan] = field(default_factory=dict)
    impact: dict[str, Yuan] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def apply(self, told: dict[str, Any]) -> "Books":
        """The books after a page; these stay as they are. A gap is an alarm."""
        made = Books(told["cursor"], self.position, dict(self.net), dict(self.first), dict(self.impact), [*self.seen])
        for item in told["items"]:
            assert item["previous"] == made.position, "a gap"
            made.position = item["position"]
            premium = item["premium"]
            policy = premium["policy_no"]
            made.seen.append(f"{policy} {premium['revision']} {premium['status']}")
            if premium["status"] == "verified":
                made.net[policy] = premium["money"]["net_paid"]
                made.first.setdefault(policy, Yuan.of(premium["money"]["net_paid"]))
            elif premium["status"] in ("withdrawn", "refused"):
                made.net[policy] = "0.00"
            if impact := premium.get("impact"):
                before, after = Yuan.of(impact["before"]), Yuan.of(impact["after"])
                made.impact[policy] = made.impact.get(policy, Yuan(0)) + after - before
                assert Yuan.of(impact["clawback"]) == max(before - after, Yuan(0))
        return made


class Crash(Exception):
    """The consumer is gone; its books are as they were last written."""


def pages_of(dsn: str) -> Callable[[str | None, int], dict[str, Any]]:
    """The feed of a market in which everything happens, as a function of cursor and limit."""
    told: dict[tuple[str | None, int], dict[str, Any]] = {}

    async def work(service: Service) -> None:
        await service.push_filings()
        for undone in ((), ("refund",), ("increase", "paid"), ("cancelled",), ("refund", "cancelled"), ("increase",)):
            await a_life(service, *undone)
        head = (await page(service)).json()["head"]
        for size in range(1, 5):
            left: list[str | None] = [None]
            for cursor in left:
                after = f"&after={cursor}" if cursor else ""
                got = (await page(service, f"?limit={size}{after}")).json()
                told[(cursor, size)] = got
                if got["cursor"] not in left:
                    left.append(got["cursor"])
        # Every size from every cursor: a consumer may change its mind.
        cursors = {cursor for cursor, _ in told}
        for cursor in cursors:
            for size in range(1, 5):
                after = f"&after={cursor}" if cursor else ""
                told.setdefault((cursor, size), (await page(service, f"?limit={size}{after}")).json())
        assert head >= 12

    serve(dsn, work)
    return lambda cursor, size: told[(cursor, size)]


def test_a_consumer_that_crashes_anywhere_ends_as_one_that_never_did(dsn: str) -> None:
    ask = pages_of(dsn)

    def consume(crashes: list[int], sizes: list[int]) -> Books:
        books, steps = Books(), 0

        def step() -> None:
            nonlocal steps
            steps += 1
            if steps in crashes:
                raise Crash

        for _ in range(len(crashes) + 1):
            try:
                while True:
                    size = sizes[steps % len(sizes)]
                    step()  # before it asks
                    told = ask(books.cursor, size)
                    step()  # before it applies
                    after = books.apply(told)
                    step()  # before it writes
                    books = after
                    step()  # after it wrote
                    if not told["more"]:
                        return books
            except Crash:
                continue
        raise AssertionError("it never came to the end")

    whole = consume([], [3])
    assert whole.impact
    for policy, total in whole.impact.items():
        assert total == Yuan.of(whole.net[policy]) - whole.first[policy]
    untouched = set(whole.first) - set(whole.impact)
    assert all(Yuan.of(whole.net[policy]) == whole.first[policy] for policy in untouched)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.integers(1, 60), max_size=12), st.lists(st.integers(1, 4), min_size=1, max_size=5))
    def crashing(crashes: list[int], sizes: list[int]) -> None:
        books = consume(crashes, sizes)
        assert (books.net, books.impact, books.seen, books.cursor) == (
            whole.net,
            whole.impact,
            whole.seen,
            whole.cursor,
        )

    crashing()
