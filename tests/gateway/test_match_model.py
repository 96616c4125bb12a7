"""What is found among many premiums is what a reader of every revision would find, at every moment."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import orjson
from house import on
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from premiums_at_hand import ANOTHER, AT, HOLDER, PRODUCT, keep, policy_of, premium_of

from gateway.db import Connection
from gateway.match.match import match
from gateway.match.read import read_application
from schemas.verified import VerifiedPremium

INSURERS = ("TEST-A", "TEST-B")
HOLDERS = (HOLDER, ANOTHER)
PRODUCTS = (PRODUCT, PRODUCT | {"approval_no": "国药准字H20240777", "generic_name": "示例替尼片"})
NUMBERS = tuple(f"PTEST20263301080000{number:04d}" for number in range(3))
PERIODS = ({"start": "2026-07-27", "end": "2027-07-26"}, {"start": "2026-08-27", "end": "2027-08-26"})

FACTS = st.tuples(
    st.sampled_from(INSURERS),
    st.sampled_from(NUMBERS),
    st.sampled_from(HOLDERS),
    st.sampled_from(PRODUCTS),
    st.sampled_from(PERIODS),
    st.sampled_from(["verified", "held", "withdrawn"]),
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "policy_no": st.sampled_from(NUMBERS),
        "credit_code": st.sampled_from([one["credit_code"] for one in HOLDERS]),
        "enterprise": st.sampled_from([one["name"] for one in HOLDERS]),
        "approval_no": st.sampled_from([one["approval_no"] for one in PRODUCTS]),
        "product": st.sampled_from([one["generic_name"] for one in PRODUCTS]),
        "period": st.sampled_from([f"{one['start']}至{one['end']}" for one in PERIODS]),
        "insurer": st.sampled_from(INSURERS),
    },
)
_batches = itertools.count()


def expected(row: dict[str, str], latest: list[VerifiedPremium]) -> set[tuple[str, str]]:
    """The premiums that the row means, by reading all of them."""

    def is_holder(one: VerifiedPremium) -> bool:
        assert one.policy is not None
        if "credit_code" in row:
            return one.policy.policyholder.credit_code == row["credit_code"]
        return one.policy.policyholder.name == row.get("enterprise")

    def is_product(one: VerifiedPremium) -> bool:
        assert one.policy is not None
        assert one.policy.product is not None
        if "approval_no" in row:
            return one.policy.product.approval_no == row["approval_no"]
        return one.policy.product.generic_name == row.get("product")

    def is_period(one: VerifiedPremium) -> bool:
        assert one.policy is not None
        return "period" not in row or f"{one.policy.period.start}至{one.policy.period.end}" == row["period"]

    found = [one for one in latest if row.get("insurer") in (None, one.insurer)]
    if "policy_no" in row:
        found = [one for one in found if one.policy_no == row["policy_no"]]
        if len(found) > 1:
            found = [one for one in found if is_holder(one)] or found
    else:
        found = [one for one in found if is_holder(one) and is_product(one) and is_period(one)]
    return {(one.insurer, one.policy_no) for one in found}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FACTS, max_size=8), st.lists(ROWS, min_size=1, max_size=8))
def test_the_finder_finds_what_reading_everything_finds(
    dsn: str, facts: list[tuple[Any, ...]], rows: list[dict[str, str]]
) -> None:
    batch = next(_batches)
    known: list[VerifiedPremium] = []
    for step, (insurer, number, holder, product, period, status) in enumerate(facts):
        revision = 1 + sum((one.insurer, one.policy_no) == (insurer, f"{number}{batch:04d}") for one in known)
        policy = policy_of(f"{number}{batch:04d}", policyholder=holder, product=product, period=period)
        at = AT + timedelta(minutes=step)
        known.append(premium_of(policy, insurer=insurer, status=status, revision=revision, at=at))
    keep(dsn, *known)
    stated = [row | ({"policy_no": f"{row['policy_no']}{batch:04d}"} if "policy_no" in row else {}) for row in rows]
    application = read_application(orjson.dumps({"annex": 2, "rows": stated}))

    def latest(as_of: datetime) -> list[VerifiedPremium]:
        found = {(one.insurer, one.policy_no): one for one in known if one.known_at <= as_of}
        return list(found.values())

    async def ask(connection: Connection) -> None:
        for as_of in (AT - timedelta(days=1), AT + timedelta(minutes=3), AT + timedelta(hours=1)):
            answer = await match(connection, application, as_of=as_of, insurers={one: one for one in INSURERS})
            for row, got in zip(stated, answer["rows"], strict=True):
                if "policy_no" not in row:
                    continue  # other batches have the same enterprises and products
                means = expected(row, latest(as_of))
                assert got["found"] == ("one" if len(means) == 1 else "several" if means else "none"), (row, got)
                if len(means) == 1:
                    (one,) = (one for one in latest(as_of) if (one.insurer, one.policy_no) in means)
                    assert got["premium"]["revision"] == one.revision
                    assert got["premium"]["status"] == one.status
                    assert one.status == "verified" or got["outcome"] != "agrees"

    on(dsn, ask)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_without_a_number_enterprise_product_and_period_decide(dsn: str, data: st.DataObject) -> None:
    """One world for all examples: every combination once, some of them twice."""
    known: list[VerifiedPremium] = []
    combinations = itertools.product(INSURERS, HOLDERS, PRODUCTS, PERIODS)
    for place, (insurer, holder, product, period) in enumerate(combinations):
        policy = policy_of(f"PMODEL{place:08d}", policyholder=holder, product=product, period=period)
        if place % 3:
            known.append(premium_of(policy, insurer=insurer))

    async def ask(connection: Connection) -> None:
        cursor = await connection.execute("SELECT count(*) FROM premiums")
        if await cursor.fetchone() == (0,):
            keep(dsn, *known)
        row = data.draw(ROWS.filter(lambda row: "policy_no" not in row))
        application = read_application(orjson.dumps({"annex": 2, "rows": [row]}))
        answer = await match(connection, application, as_of=AT, insurers={one: one for one in INSURERS})
        (got,) = answer["rows"]
        has_keys = ("credit_code" in row or "enterprise" in row) and ("approval_no" in row or "product" in row)
        means = expected(row, known) if has_keys else set()
        assert got["found"] == ("one" if len(means) == 1 else "several" if means else "none"), (row, got)
        if len(means) == 1:
            assert (got["premium"]["insurer"], got["premium"]["policy_no"]) in means
        elif means:
            assert {(one["insurer"], one["policy_no"]) for one in got["candidates"]} == means

    on(dsn, ask)
