"""The bitemporal store: what was known when stays answerable, and the database refuses to forget."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
import pytest

from gateway.db import Connection
from gateway.filing import store
from gateway.filing.registry import FilingRegistry
from gateway.filing.store import CurrentRegistry, Recorded, Superseded
from schemas.filing import Filing, Source

REGISTRY = "财产保险公司自主注册平台"
NUMBERS = [f"C000002309120260301{serial:05d}" for serial in range(1, 6)]
FIRST = datetime(2026, 4, 1, 1, 0, tzinfo=UTC)
SECOND = FIRST + timedelta(days=30)
T = TypeVar("T")


def source(as_of: str = "2026-03-31", registry: str = REGISTRY) -> Source:
    return Source.model_validate({"registry": registry, "as_of": as_of, "fetched_at": "2026-04-01T08:00:00+08:00"})


def filing(number: str, as_of: str = "2026-03-31", registry: str = REGISTRY, **changes: Any) -> Filing:
    stated = {
        "registration_no": number,
        "insurer": "PICC",
        "name": "药品产品责任保险条款",
        "kind": "main",
        "line": "product_liability",
        "regime": "filed",
        "registered_on": "2026-03-01",
        "first_used_on": "2026-03-02",
        "rate_min_percent": "0.5",
        "rate_max_percent": "2",
        "intervals": [{"state": "in_use", "from": "2026-03-02"}],
    }
    return Filing.model_validate({**stated, **changes, "source": source(as_of, registry)})


STOPPED = [{"state": "in_use", "from": "2026-03-02", "to": "2026-04-19"}, {"state": "stopped", "from": "2026-04-20"}]


def run(dsn: str, steps: Callable[[Connection], Awaitable[T]]) -> T:
    async def connected() -> T:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            return await steps(connection)

    return asyncio.run(connected())


async def record(connection: Connection, filings: list[Filing], at: datetime, whole: Source | None) -> Recorded:
    async with connection.transaction():
        return await store.record(connection, filings, at, whole=whole)


def test_what_was_known_when_stays_answerable(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        first = [filing(number) for number in NUMBERS[:3]]
        assert await record(connection, first, FIRST, source()) == Recorded(3, 0, 0, 0, confirmed=True)
        before = await store.load(connection)
        second = [
            filing(NUMBERS[0], "2026-04-30"),
            filing(NUMBERS[1], "2026-04-30", intervals=STOPPED),
            filing(NUMBERS[3], "2026-04-30"),
        ]
        assert await record(connection, second, SECOND, source("2026-04-30")) == Recorded(1, 1, 1, 1, confirmed=True)

        now = await store.load(connection)
        stated = [one for number in NUMBERS for one in now.find(number)]
        assert now.digest == FilingRegistry(stated, [source("2026-04-30")]).digest  # kept digests are the computed ones
        assert [len(now.find(number)) for number in NUMBERS] == [1, 1, 0, 1, 0]
        assert now.find(NUMBERS[1])[0].intervals[-1].state == "stopped"
        assert now.as_of == {REGISTRY: source("2026-04-30").as_of}
        # Unchanged since March, and confirmed by the whole statement of April.
        assert now.find(NUMBERS[0])[0].source.as_of == source().as_of
        assert now.confirmed_on(now.find(NUMBERS[0])[0]) == source("2026-04-30").as_of

        then = await store.load(connection, SECOND - timedelta(microseconds=1))
        assert then.digest == before.digest != now.digest
        assert [len(then.find(number)) for number in NUMBERS] == [1, 1, 1, 0, 0]
        assert len(await store.load(connection, FIRST - timedelta(seconds=1))) == 0
        assert (await store.load(connection, SECOND)).digest == now.digest

    run(dsn, steps)


def test_the_day_of_a_source_is_kept_though_nothing_changed(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        await record(connection, [filing(NUMBERS[0])], FIRST, source())
        unchanged = await record(connection, [filing(NUMBERS[0], "2026-04-30")], SECOND, source("2026-04-30"))
        assert unchanged == Recorded(0, 0, 0, 1, confirmed=True)
        again = await record(connection, [filing(NUMBERS[0], "2026-04-30")], SECOND, source("2026-04-30"))
        assert again == Recorded(0, 0, 0, 1)
        assert not again.says_something_new
        assert len(await store.list_history(connection, NUMBERS[0])) == 1
        assert dict((await store.load(connection)).as_of) == {REGISTRY: source("2026-04-30").as_of}

    run(dsn, steps)


def test_single_statements_drop_nothing_and_confirm_only_themselves(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        await record(connection, [filing(number) for number in NUMBERS[:2]], FIRST, source())
        one = filing(NUMBERS[1], "2026-04-30", intervals=STOPPED)
        assert await record(connection, [one], SECOND, None) == Recorded(0, 1, 0, 0)
        now = await store.load(connection)
        assert now.confirmed_on(now.find(NUMBERS[0])[0]) == source().as_of
        assert now.confirmed_on(now.find(NUMBERS[1])[0]) == source("2026-04-30").as_of

    run(dsn, steps)


def test_a_statement_may_return_to_what_it_was(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        days = [("2026-03-31", None), ("2026-04-30", STOPPED), ("2026-05-31", None)]
        for place, (day, intervals) in enumerate(days):
            stated = filing(NUMBERS[0], day, **({"intervals": intervals} if intervals else {}))
            await record(connection, [stated], FIRST + timedelta(days=30 * place), None)
        history = await store.list_history(connection, NUMBERS[0])
        assert [one.digest for one in history] == [history[0].digest, history[1].digest, history[0].digest]
        assert history[0].digest != history[1].digest
        (latest,) = await store.find_statements(connection, NUMBERS[0], None)
        assert latest.filing is not None
        assert latest.filing.intervals[-1].state == "in_use"

    run(dsn, steps)


def test_what_was_dropped_may_come_back(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        both = [filing(number) for number in NUMBERS[:2]]
        await record(connection, both, FIRST, source())
        await record(connection, both[:1], FIRST + timedelta(hours=1), source())
        (gone,) = await store.find_statements(connection, NUMBERS[1], None)
        assert gone.filing is None
        assert await record(connection, both[:1], FIRST + timedelta(hours=2), source()) == Recorded(0, 0, 0, 1)
        back = await record(connection, both, FIRST + timedelta(hours=3), source())
        assert back == Recorded(0, 1, 0, 1, confirmed=True)
        assert len((await store.load(connection)).find(NUMBERS[1])) == 1

    run(dsn, steps)


def test_an_older_statement_does_not_undo_a_later_one(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        await record(connection, [filing(NUMBERS[0], "2026-04-30", intervals=STOPPED)], SECOND, source("2026-04-30"))
        later = SECOND + timedelta(hours=1)
        for attempt, at, whole in (
            ([filing(NUMBERS[0])], later, None),
            ([filing(NUMBERS[0])], later, source()),
            ([filing(NUMBERS[1])], later, None),  # the whole of April did not have it
            ([filing(NUMBERS[1], "2026-05-31")], SECOND - timedelta(hours=1), None),  # known earlier than what is known
        ):
            with pytest.raises(Superseded):
                await record(connection, attempt, at, whole)
        assert await record(connection, [filing(NUMBERS[0], "2026-03-31", intervals=STOPPED)], later, None) == Recorded(
            0, 0, 0, 1
        )

    run(dsn, steps)


def test_what_contradicts_itself_is_not_recorded(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        with pytest.raises(ValueError, match="twice"):
            await record(connection, [filing(NUMBERS[0]), filing(NUMBERS[0], name="另一名称")], FIRST, None)
        with pytest.raises(ValueError, match="not all"):
            await record(connection, [filing(NUMBERS[0])], FIRST, source("2026-04-30"))
        with pytest.raises(ValueError, match="not all"):
            await record(connection, [filing(NUMBERS[0])], FIRST, source(registry="另一登记机构"))
        with pytest.raises(RuntimeError, match="transaction"):
            await store.record(connection, [filing(NUMBERS[0])], FIRST, whole=None)
        assert await store.version(connection) == (0, 0)

    run(dsn, steps)


def test_sources_do_not_overwrite_each_other(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        other = "国家金融监督管理总局浙江监管局"
        await record(connection, [filing(NUMBERS[0])], FIRST, source())
        ordered = [{"state": "ordered_stop", "from": "2026-04-01"}]
        await record(connection, [filing(NUMBERS[0], registry=other, intervals=ordered)], FIRST, source(registry=other))
        now = await store.load(connection)
        assert {one.source.registry for one in now.find(NUMBERS[0])} == {REGISTRY, other}
        await record(connection, [], SECOND, source(registry=other))
        assert [one.source.registry for one in (await store.load(connection)).find(NUMBERS[0])] == [REGISTRY]

    run(dsn, steps)


def test_the_list_goes_on_where_it_stopped(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        await record(connection, [filing(number) for number in NUMBERS], FIRST, source())
        await record(connection, [filing(NUMBERS[1], registry="另一登记机构")], FIRST, None)
        await record(connection, [filing(NUMBERS[0].replace("000002", "000014"), insurer="CPIC")], FIRST, None)
        pages: list[list[str]] = []
        after = ""
        while page := await store.list_filings(connection, "PICC", None, after, 2):
            numbers = [one.filing.registration_no for one in page if one.filing]
            pages.append(numbers)
            after = numbers[-1]
        assert pages == [[NUMBERS[0], NUMBERS[1], NUMBERS[1]], NUMBERS[2:4], NUMBERS[4:]]
        assert len(await store.list_filings(connection, None, None, "", 100)) == 7
        assert await store.list_filings(connection, "PICC", FIRST - timedelta(seconds=1), "", 100) == []

    run(dsn, steps)


def test_the_current_registry_is_read_again_only_when_something_was_recorded(dsn: str) -> None:
    async def steps(connection: Connection) -> None:
        current = CurrentRegistry()
        empty = await current(connection)
        assert len(empty) == 0
        await record(connection, [filing(NUMBERS[0])], FIRST, source())
        one = await current(connection)
        assert len(one) == 1
        assert await current(connection) is one
        await record(connection, [filing(NUMBERS[0], "2026-04-30")], SECOND, source("2026-04-30"))
        assert (await current(connection)).digest != one.digest

    run(dsn, steps)


@pytest.mark.parametrize("table", ["filings", "filing_sources"])
@pytest.mark.parametrize("change", ["UPDATE {} SET registry = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_forget(dsn: str, table: str, change: str) -> None:
    async def steps(connection: Connection) -> None:
        await record(connection, [filing(NUMBERS[0])], FIRST, source())
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
            await connection.execute(change.format(table))

    run(dsn, steps)


def test_writers_wait_for_each_other(dsn: str) -> None:
    async def write(place: int) -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await record(connection, [filing(number) for number in NUMBERS], FIRST, source())
            assert place >= 0

    async def steps(connection: Connection) -> None:
        await asyncio.gather(*(write(place) for place in range(6)))
        for number in NUMBERS:
            assert len(await store.list_history(connection, number)) == 1

    run(dsn, steps)
