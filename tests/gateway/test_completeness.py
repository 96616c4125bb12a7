"""Completeness: a day is complete when the insurer's own totals and what is known are the same, and never before."""

import asyncio
import json
from datetime import date, timedelta
from typing import Any

import psycopg
from house import AT, fetch, on
from hypothesis import given, settings
from hypothesis import strategies as st
from one_policy import record as record_of
from service import Service, serve

from gateway.completeness.compare import complete_up_to, name_surplus, status_of, totals_of
from gateway.completeness.store import (
    COUNTED,
    DayRecord,
    DayState,
    Statement,
    list_closed_days,
    load_states,
)
from gateway.completeness.watermark import Watermarks
from gateway.db import Connection
from schemas.calendar import shanghai_day
from schemas.canonical import as_json

WHO = "SANDBOX-C"
DAY = date(2026, 7, 24)
_PATH = f"/v1/insurers/{WHO}/completeness"


async def told(service: Service, kind: str, record: dict[str, Any], number: int) -> None:
    """One message of the standard schema."""
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": f"{kind}-{number}",
        "insurer": WHO,
        "sent_at": service.now.isoformat(),
        "record": record,
    }
    got = await service.post(WHO, json.dumps(envelope, ensure_ascii=False).encode())
    assert got.status == 201, got.body


async def paid(service: Service, number: int, amount: str, day: date = DAY) -> str:
    """A receipt of that day; its number."""
    name = f"SK{number:06d}"
    changes = {"policy_no": f"PBING2026330100{number:08d}", "receipt_no": name, "amount": amount}
    receipt = as_json(record_of("premium_receipt", changes | {"received_on": day.isoformat()}))
    await told(service, "premium_receipt", receipt, number)
    return name


_closed = iter(range(1, 10**6))


async def closed(service: Service, day: date, **totals: tuple[int, str | None]) -> None:
    """The insurer closes a day; one without business by saying that there was none."""
    totals = totals or {"policy": (0, "0.00")}
    stated = [
        {"type": kind, "count": count} | ({} if amount is None else {"amount": amount})
        for kind, (count, amount) in totals.items()
    ]
    await told(service, "day_close", {"date": day.isoformat(), "totals": stated}, next(_closed))


async def completeness(service: Service, query: str = "", who: str = WHO) -> Any:
    got = await service.call(who, "GET", _PATH + query)
    assert got.status == 200, got.body
    return got.json()


async def a_day(service: Service, day: date = DAY, query: str = "") -> Any:
    (found,) = (await completeness(service, f"?from={day}&to={day}{query}"))["days"]
    return found


def test_a_day_agrees_when_count_and_amount_are_what_was_stated(dsn: str) -> None:
    async def work(service: Service) -> None:
        await paid(service, 1, "100.00")
        await paid(service, 2, "50.50")
        open_day = await a_day(service)
        assert open_day["status"] == "open"
        assert open_day["totals"] == [{"type": "premium_receipt", "known": {"count": 2, "amount": "150.50"}}]
        assert (await completeness(service))["complete_up_to"] is None
        await closed(service, DAY, premium_receipt=(2, "150.50"))
        assert (await a_day(service))["status"] == "agrees"
        for who in (WHO, "SUBSIDY", "REGULATOR", "OPERATOR"):
            assert (await completeness(service, who=who))["complete_up_to"] == DAY.isoformat()
        page = (await service.call("SUBSIDY", "GET", "/v1/premiums/changes")).json()
        assert page["complete_up_to"][WHO] == DAY.isoformat()
        assert page["complete_up_to"]["SANDBOX-A"] is None
        assert (await service.call("SANDBOX-A", "GET", _PATH)).status == 403
        assert (await service.call("SUBSIDY", "GET", "/v1/insurers/SUBSIDY/completeness")).status == 404

    serve(dsn, work)


def test_what_is_missing_is_counted_and_what_is_too_much_is_named(dsn: str) -> None:
    async def work(service: Service) -> None:
        one, two = await paid(service, 1, "100.00"), await paid(service, 2, "50.00")
        await closed(service, DAY, premium_receipt=(3, "175.25"), policy=(1, "9.00"))
        short = await a_day(service)
        assert short["status"] == "differs"
        by_type = {total["type"]: total for total in short["totals"]}
        assert by_type["policy"]["missing"] == {"count": 1, "amount": "9.00"}
        assert by_type["premium_receipt"]["missing"] == {"count": 1, "amount": "25.25"}
        assert "surplus" not in by_type["premium_receipt"]
        await closed(service, DAY, premium_receipt=(1, "100.00"))
        (over,) = (await a_day(service))["totals"]
        assert over["surplus"] == {"count": 1, "amount": "50.00", "records": [two], "certain": True}
        await closed(service, DAY)  # nothing at all
        over = (await a_day(service))["totals"][-1]
        assert over["surplus"] == {"count": 2, "amount": "150.00", "records": [one, two], "certain": True}
        await closed(service, DAY, premium_receipt=(2, "140.00"))
        (over,) = (await a_day(service))["totals"]
        assert over["surplus"] == {"count": 0, "amount": "10.00", "records": [one, two], "certain": False}
        await closed(service, DAY, premium_receipt=(2, None))  # no amount is stated, none is compared
        assert (await a_day(service))["status"] == "agrees"
        await closed(service, DAY, premium_receipt=(2, "150.00"), receipts=(1, None))  # what the gateway does not count
        assert (await a_day(service))["status"] == "differs"

    serve(dsn, work)


def test_a_later_statement_supersedes_and_what_was_known_stays_answerable(dsn: str) -> None:
    async def work(service: Service) -> None:
        await paid(service, 1, "100.00")
        service.later(hours=1)
        await closed(service, DAY, premium_receipt=(2, "150.00"))
        first = service.now.isoformat().replace("+00:00", "Z")
        service.later(hours=1)
        await closed(service, DAY, premium_receipt=(1, "100.00"))
        second = service.now.isoformat().replace("+00:00", "Z")
        service.later(hours=1)
        name = await paid(service, 2, "50.00")
        now = await a_day(service)
        assert (now["status"], now["statement"]["superseded"]) == ("differs", 1)
        assert now["totals"][0]["surplus"]["records"] == [name]
        then = await a_day(service, query=f"&as_of={second}")
        assert (then["status"], then["statement"]["superseded"]) == ("agrees", 1)
        before = await a_day(service, query=f"&as_of={first}")
        assert (before["status"], before["statement"]["superseded"]) == ("differs", 0)
        watermarks = [(await completeness(service, f"?as_of={moment}"))["complete_up_to"] for moment in (first, second)]
        assert watermarks == [None, DAY.isoformat()]
        assert (await completeness(service))["complete_up_to"] is None
        assert (await service.call(WHO, "GET", f"{_PATH}?as_of=2100-01-01T00:00:00Z")).status == 400
        assert (await service.call(WHO, "GET", f"{_PATH}?from=2024-01-01&to=2026-01-01")).status == 400
        assert (await service.call(WHO, "GET", f"{_PATH}?from=2026-01-02&to=2026-01-01")).status == 400

    serve(dsn, work)


def test_the_watermark_stops_at_the_first_day_that_is_not_closed_or_differs(dsn: str) -> None:
    async def work(service: Service) -> None:
        async def watermark() -> str | None:
            page = (await service.call("REGULATOR", "GET", "/v1/premiums/changes?limit=1")).json()
            told: str | None = page["complete_up_to"][WHO]
            assert told == (await completeness(service))["complete_up_to"]
            return told

        days = [DAY + timedelta(days=place) for place in range(5)]
        assert await watermark() is None
        await closed(service, days[0])
        assert await watermark() == str(days[0])
        await closed(service, days[2])
        await closed(service, days[3])
        assert await watermark() == str(days[0])
        await closed(service, days[1])
        assert await watermark() == str(days[3])
        await paid(service, 1, "1.00", days[2])  # a straggler: the day is not what its insurer said
        assert await watermark() == str(days[1])
        await closed(service, days[2], premium_receipt=(1, "1.00"))
        assert await watermark() == str(days[3])
        tomorrow = shanghai_day(service.now) + timedelta(days=1)
        await closed(service, tomorrow)
        early = await a_day(service, tomorrow)
        assert early["status"] == "too-early"
        await closed(service, DAY - timedelta(days=2))  # an earlier first day leaves a gap behind it
        assert await watermark() == str(DAY - timedelta(days=2))

    serve(dsn, work)


def test_a_configured_start_is_the_start(dsn: str) -> None:
    async def work(service: Service) -> None:
        await closed(service, DAY)
        assert (await completeness(service))["complete_up_to"] is None
        await closed(service, DAY - timedelta(days=1))
        answer = await completeness(service)
        assert (answer["start"], answer["complete_up_to"]) == ("2026-07-23", "2026-07-24")
        page = (await service.call("SUBSIDY", "GET", "/v1/premiums/changes")).json()
        assert page["complete_up_to"][WHO] == "2026-07-24"

    serve(dsn, work, completeness_from=DAY - timedelta(days=1))


def test_a_record_told_again_counts_once_and_a_refused_one_not_at_all(dsn: str) -> None:
    async def work(service: Service) -> None:
        await paid(service, 1, "100.00")
        receipt = as_json(
            record_of(
                "premium_receipt",
                {
                    "policy_no": "PBING202633010000000001",
                    "receipt_no": "SK000001",
                    "amount": "100.00",
                    "received_on": str(DAY),
                },
            )
        )
        await told(service, "premium_receipt", receipt, 77)  # the same again, in another message
        envelope = {
            "schema": "premium-exchange/1.0",
            "type": "premium_receipt",
            "message_id": "other-amount",
            "insurer": WHO,
            "sent_at": service.now.isoformat(),
            "record": receipt | {"amount": "99.00"},
        }
        assert (await service.post(WHO, json.dumps(envelope, ensure_ascii=False).encode())).status == 422
        assert (await a_day(service))["totals"] == [
            {"type": "premium_receipt", "known": {"count": 1, "amount": "100.00"}}
        ]

    serve(dsn, work)


# Pure


def state(stated: dict[str, tuple[int, int | None]] | None, known: dict[str, tuple[int, int]]) -> DayState:
    totals = [
        {"type": kind, "count": count}
        | ({} if fen is None else {"amount": f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"})
        for kind, (count, fen) in (stated or {}).items()
    ]
    statement = None if stated is None else Statement("S" + "0" * 32, AT, totals)
    return DayState(WHO, DAY, statement, 0, known)


_types = st.sampled_from(COUNTED)
_known = st.dictionaries(_types, st.tuples(st.integers(1, 5), st.integers(-500, 500)), max_size=4)
_stated = st.dictionaries(_types, st.tuples(st.integers(0, 5), st.none() | st.integers(-500, 500)), max_size=4)


@given(_known, _stated)
def test_a_day_agrees_only_if_every_type_does(known: dict[str, Any], stated: dict[str, Any]) -> None:
    given_state = state(stated, known)
    same = all(
        stated.get(kind, (0, 0))[0] == known.get(kind, (0, 0))[0]
        and stated.get(kind, (0, 0))[1] in (None, known.get(kind, (0, 0))[1])
        for kind in stated.keys() | known.keys()
    )
    assert (status_of(given_state) == "agrees") == same
    assert status_of(state(None, known)) == "open"
    for total in totals_of(given_state):
        assert total.stated_count + total.over == total.known_count


@given(st.sets(st.integers(0, 40)), st.integers(0, 40) | st.none())
def test_the_watermark_is_the_end_of_the_first_unbroken_run(agreeing: set[int], start: int | None) -> None:
    days = {DAY + timedelta(days=place) for place in agreeing}
    found = complete_up_to(None if start is None else DAY + timedelta(days=start), days)
    if start is None or start not in agreeing:
        assert found is None
    else:
        assert found is not None
        last = (found - DAY).days
        assert all(place in agreeing for place in range(start, last + 1))
        assert last + 1 not in agreeing


def test_a_surplus_record_is_named_only_if_no_other_can_be_it() -> None:
    records = [DayRecord(name, fen, AT, "S") for name, fen in (("A", 100), ("B", 200), ("C", 200))]
    (total,) = totals_of(state({"policy": (2, 400)}, {"policy": (3, 500)}))
    assert name_surplus(total, records) == (["A"], True)
    (total,) = totals_of(state({"policy": (2, 300)}, {"policy": (3, 500)}))
    assert name_surplus(total, records) == (["A", "B", "C"], False)
    (total,) = totals_of(state({"policy": (1, 200)}, {"policy": (3, 500)}))
    assert name_surplus(total, records) == (["A", "B", "C"], False)
    (total,) = totals_of(state({"policy": (2, None)}, {"policy": (3, 500)}))
    assert name_surplus(total, records) == (["A", "B", "C"], False)


# The running totals, against a naive count


def test_running_totals_are_the_sums_whatever_comes_in_one_statement(dsn: str) -> None:
    """Records in bulk, repeats and refused ones among them, in batches of any size; then the whole counted anew."""

    async def run(connection: Connection) -> None:
        await connection.execute(
            "INSERT INTO submissions (id, insurer, message_id, keyid, received_at, content_type, body_digest, body, "
            "request, status, receipt) VALUES ('S', 'X', 'm', 'k', now(), 't', 'd', '', '{}', 'verified', '')"
        )

        @settings(max_examples=15, deadline=None)
        @given(
            st.lists(
                st.lists(
                    st.tuples(st.integers(0, 6), st.integers(1, 3), st.integers(0, 999), st.booleans()), max_size=6
                ),
                max_size=5,
            )
        )
        def batches(made: list[list[tuple[int, int, int, bool]]]) -> None:
            loop.append(made)

        loop: list[list[list[tuple[int, int, int, bool]]]] = []
        batches()
        for number, made in enumerate(loop):
            for batch in made:
                await connection.execute(
                    "INSERT INTO records (submission_id, insurer, type, policy_no, number, known_at, outcome, record, "
                    "lineage) SELECT 'S', %s, 'premium_refund', 'P', n, now(), o, jsonb_build_object('paid_on', d, "
                    "'amount', a), '{}' FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS u(n, d, a, o)",
                    (
                        f"X{number}",
                        [f"R{name}" for name, _, _, _ in batch],
                        [f"2026-01-0{day}" for _, day, _, _ in batch],
                        [f"{fen // 100}.{fen % 100:02d}" for _, _, fen, _ in batch],
                        ["failed" if refused else "passed" for _, _, _, refused in batch],
                    ),
                )
            naive: dict[date, tuple[int, int]] = {}
            seen = set()
            for name, day, fen, refused in (one for batch in made for one in batch):
                if refused or name in seen:
                    continue
                seen.add(name)
                count, total = naive.get(date(2026, 1, day), (0, 0))
                naive[date(2026, 1, day)] = (count + 1, total + fen)
            states = await load_states(connection, [(f"X{number}", date(2026, 1, day)) for day in (1, 2, 3)])
            assert {one.day: one.known["premium_refund"] for one in states if one.known} == naive
        assert await list_closed_days(connection) == []
        assert await fetch(connection, "SELECT count(*) FROM day_records WHERE count < 1") == [(0,)]

    on(dsn, run)


def test_two_that_count_at_once_do_not_both_take_the_next_place(dsn: str) -> None:
    """Whoever would write records around the log's lock is refused, rather than counted wrongly."""
    add = (
        "INSERT INTO records (submission_id, insurer, type, policy_no, number, known_at, outcome, record, lineage) "
        "VALUES ('S', 'X', 'premium_refund', 'P', %s, now(), 'passed', '{\"paid_on\": \"2026-01-01\"}', '{}')"
    )
    with psycopg.connect(dsn) as one, psycopg.connect(dsn, autocommit=True) as other:
        other.execute(
            "INSERT INTO submissions (id, insurer, message_id, keyid, received_at, content_type, body_digest, body, "
            "request, status, receipt) VALUES ('S', 'X', 'm', 'k', now(), 't', 'd', '', '{}', 'verified', '')"
        )
        one.execute(add, ("R1",))
        other.execute("SET lock_timeout = '200ms'")
        try:
            other.execute(add, ("R2",))
            raise AssertionError("both were counted first")
        except (psycopg.errors.LockNotAvailable, psycopg.errors.UniqueViolation):
            one.commit()


def test_the_watermark_of_a_process_follows_others_and_starts_anywhere(dsn: str) -> None:
    async def work(service: Service) -> None:
        async with service.gateway.pool.connection() as connection:
            early = Watermarks()
            assert await early.read(connection) == {}
            await closed(service, DAY)
            await paid(service, 1, "5.00", DAY + timedelta(days=1))
            await closed(service, DAY + timedelta(days=1), premium_receipt=(1, "5.00"))
            late = Watermarks()
            expected = {WHO: DAY + timedelta(days=1)}
            assert (await early.read(connection), await late.read(connection)) == (expected, expected)
            await paid(service, 2, "7.00", DAY)
            found = await asyncio.gather(*(one.read(connection) for one in (early, late, Watermarks())))
            assert found == [{WHO: None}] * 3

    serve(dsn, work)
