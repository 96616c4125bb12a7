"""Searching: found by what people know, page by page, and never beyond what the caller may see."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from premiums_at_hand import ANOTHER, AT, HOLDER, PRODUCT, keep, policy_of, premium_of
from service import Service, serve

from gateway.db import new_pool
from gateway.search.cursor import NoCursor, read_cursor, write_cursor
from gateway.search.find import Asked, find_premiums
from gateway.search.store import Place
from schemas.verified import VerifiedPremium

C, D = "SANDBOX-C", "SANDBOX-D"
OTHER_PRODUCT = PRODUCT | {"generic_name": "另一种胶囊", "approval_no": "国药准字H20250007"}


def number(n: int) -> str:
    return f"PTEST2026330108{n:08d}"


def asked(dsn: str, premiums: list[VerifiedPremium], work: Callable[[Service], Awaitable[None]]) -> None:
    keep(dsn, *premiums)
    serve(dsn, work)


async def search(service: Service, who: str, **query: Any) -> Any:
    text = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    got = await service.call(who, "GET", f"/v1/premiums{text and '?' + text}")
    assert got.status == 200, got.body
    return got.json()


async def numbers(service: Service, who: str, **query: Any) -> list[str]:
    return [one["policy_no"] for one in (await search(service, who, **query))["items"]]


def both() -> list[VerifiedPremium]:
    """Two insurers, two enterprises, two products; one of them held later."""
    return [
        premium_of(policy_of(number(1)), insurer=C),
        premium_of(policy_of(number(2), policyholder=ANOTHER, product=OTHER_PRODUCT), insurer=C, status="held"),
        premium_of(policy_of(number(3), policyholder=ANOTHER), insurer=D),
        premium_of(policy_of(number(1)), insurer=C, status="withdrawn", revision=2, at=AT + timedelta(hours=1)),
    ]


def test_premiums_are_found_by_name_part_code_and_number(dsn: str) -> None:
    async def work(service: Service) -> None:
        for who in ("SUBSIDY", "REGULATOR", "OPERATOR"):
            assert await numbers(service, who) == [number(1), number(2), number(3)]
        assert await numbers(service, "SUBSIDY", q="示例医药") == [number(1)]
        assert await numbers(service, "SUBSIDY", q="临 海") == [number(2), number(3)]
        assert await numbers(service, "SUBSIDY", enterprise="（临海）") == [number(2), number(3)]
        assert await numbers(service, "SUBSIDY", enterprise="(临海)") == [number(2), number(3)]
        assert await numbers(service, "SUBSIDY", enterprise=ANOTHER["credit_code"]) == [number(2), number(3)]
        assert await numbers(service, "SUBSIDY", product="胶囊") == [number(2)]
        assert await numbers(service, "SUBSIDY", product="国药准字S2024") == [number(1), number(3)]
        assert await numbers(service, "SUBSIDY", q="另一") == [number(2)]
        assert await numbers(service, "SUBSIDY", policy_no=number(3)[:-1]) == [number(1), number(2), number(3)]
        assert await numbers(service, "SUBSIDY", policy_no=number(3).lower()) == [number(3)]
        assert await numbers(service, "SUBSIDY", status="held") == [number(2)]
        assert await numbers(service, "SUBSIDY", status="verified", insurer=D) == [number(3)]
        assert await numbers(service, "SUBSIDY", enterprise="临海", product="胶囊", status="held") == [number(2)]
        assert await numbers(service, "SUBSIDY", enterprise="杭州", product="胶囊") == []
        assert await numbers(service, "SUBSIDY", q="%") == []
        assert await numbers(service, "SUBSIDY", q="_") == []

    asked(dsn, both(), work)


def test_a_premium_is_told_as_it_stands_now_and_its_money_only_where_it_may_be_relied_on(dsn: str) -> None:
    async def work(service: Service) -> None:
        one, two, three = (await search(service, "SUBSIDY"))["items"]
        assert one == {
            "insurer": C,
            "policy_no": number(1),
            "revision": 2,
            "status": "withdrawn",
            "since": "2026-09-01T05:00:00+00:00",
            "known_at": "2026-09-01T05:00:00+00:00",
            "enterprise": HOLDER["name"],
            "credit_code": HOLDER["credit_code"],
            "product": PRODUCT["generic_name"],
            "approval_no": PRODUCT["approval_no"],
            "starts_on": "2026-07-27",
            "ends_on": "2027-07-26",
            "net_paid": "0.00",
            "premium": f"/v1/insurers/{C}/policies/{number(1)}/premium",
        }
        assert (two["status"], two["net_paid"]) == ("held", None)
        assert (three["status"], three["net_paid"]) == ("verified", "800000.00")

    asked(dsn, both(), work)


def test_an_insurer_finds_its_own_and_learns_nothing_of_others(dsn: str) -> None:
    async def work(service: Service) -> None:
        assert await numbers(service, C) == [number(1), number(2)]
        assert await numbers(service, D, q="示例") == [number(3)]
        # What another has looks like what nobody has.
        unknown = await search(service, C, q=number(99))
        assert await search(service, C, q=number(3)) == unknown == {"items": [], "next": None}
        for code in (D, "NOBODY"):
            got = await service.call(C, "GET", f"/v1/premiums?insurer={code}")
            assert got.status == 403
        # And it sees who else found its premiums.
        await search(service, "SUBSIDY", q="示例")
        (seen,) = (await service.call(D, "GET", f"/v1/insurers/{D}/accesses")).json()["items"]
        assert (seen["participant"], seen["subject"], seen["count"]) == ("SUBSIDY", "search", 1)
        # Nor does a cursor lead there.
        behind = write_cursor("premium-search", "A", "")
        assert await numbers(service, C, after=behind) == [number(1), number(2)]

    asked(dsn, both(), work)


def test_pages_tell_each_premium_once_whatever_their_size(dsn: str) -> None:
    premiums = [premium_of(policy_of(number(n)), insurer=(C, D)[n % 2]) for n in range(11)]

    async def work(service: Service) -> None:
        every = await numbers(service, "SUBSIDY")
        assert len(every) == 11
        for limit in (1, 2, 5, 6, 11, 12):
            seen: list[str] = []
            after: dict[str, str] = {}
            while True:
                page = await search(service, "SUBSIDY", q="示例", limit=limit, **after)
                seen += [one["policy_no"] for one in page["items"]]
                assert len(page["items"]) <= limit
                if page["next"] is None:
                    break
                after = {"after": page["next"]}
            assert seen == every, limit

    asked(dsn, premiums, work)


@pytest.mark.parametrize(
    "query",
    ["after=x", "after=cHJlbWl1bS1zZWFyY2g", "limit=0", "limit=1001", "q=", "status=good", "q=%00", "insurer=x"],
)
def test_what_cannot_be_asked_is_a_bad_request(dsn: str, query: str) -> None:
    async def work(service: Service) -> None:
        assert (await service.call("SUBSIDY", "GET", f"/v1/premiums?{query}")).status == 400

    serve(dsn, work)


@given(st.text(), st.lists(st.text(alphabet=st.characters(exclude_characters="\x1f\x00", codec="utf-8")), max_size=4))
@settings(max_examples=50)
def test_a_cursor_is_read_as_it_was_written_and_nothing_else_is(text: str, parts: list[str]) -> None:
    assert read_cursor(write_cursor("list", *parts), "list", len(parts)) == parts
    with pytest.raises(NoCursor):
        read_cursor(write_cursor("other", *parts), "list", len(parts))
    if not text.startswith("bGlzd"):
        with pytest.raises(NoCursor):
            read_cursor(text, "list", 1)


def test_whatever_leads_the_same_premiums_are_found(dsn: str) -> None:
    """By index, by several of them, or gone through in order: which way is taken says nothing about what is found."""
    holders = (HOLDER, ANOTHER)
    products = (PRODUCT, OTHER_PRODUCT)
    statuses = ("verified", "held", "refused")
    keep(
        dsn,
        *(
            premium_of(
                policy_of(number(n), policyholder=holders[n % 2], product=products[n // 2 % 2]),
                insurer=(C, D)[n % 5 == 0],
                status=statuses[n % 3],
            )
            for n in range(30)
        ),
    )
    told = [
        {"insurer": (C, D)[n % 5 == 0], "no": number(n), "e": n % 2, "p": n // 2 % 2, "s": statuses[n % 3]}
        for n in range(30)
    ]

    async def run() -> None:
        async with new_pool(dsn, 2) as pool, pool.connection() as connection:
            for enterprise in (None, "杭州", "临海", "示例"):
                for product in (None, "胶囊", "单抗"):
                    for status in (None, "held"):
                        due = [
                            (one["insurer"], one["no"])
                            for one in sorted(told, key=lambda one: (str(one["insurer"]), str(one["no"])))
                            if enterprise in (None, "示例") or (enterprise == "临海") == bool(one["e"])
                            if product is None or (product == "胶囊") == bool(one["p"])
                            if status is None or one["s"] == status
                        ]
                        asking = Asked(None, enterprise, product, None, status)
                        found = await find_premiums(connection, asking, None, None, 1000)
                        assert [(one.insurer, one.policy_no) for one in found] == due
                        if due:
                            rest = await find_premiums(connection, asking, None, Place(*due[0]), 1000)
                            assert [(one.insurer, one.policy_no) for one in rest] == due[1:]

    asyncio.run(run())
