"""Two years of a market: the same for the same seed and moment, plausible, and with something of everything in it."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.registries.entries import NOUNS
from sandbox.history import clauses
from sandbox.history.authorities import archives
from sandbox.history.fates import COURSES
from sandbox.history.plan import LENGTH, History, count
from sandbox.history.telling import HandedIn, Said, Word
from sandbox.world import World
from schemas.calendar import Unpublished, load_calendar
from schemas.filing import Filing
from schemas.identifiers import organisation_digit_holds
from schemas.submission import RECORDS

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)

_PRINT_DIGEST = """
import sys
from datetime import datetime
from hashlib import sha256
from sandbox.history.plan import History
from sandbox.history.telling import Said, Word
from sandbox.world import World
history = History(World(int(sys.argv[1]), at=datetime.fromisoformat(sys.argv[2])), 40)
digest = sha256()
for one in history.events:
    digest.update(f"{one.day}".encode())
    digest.update(one.body if isinstance(one, Word) else repr(getattr(one, "record", one.insurer)).encode())
    for paper in getattr(one, "papers", ())[:1]:
        if paper.media_type == "application/ofd":
            digest.update(paper.make())
print(digest.hexdigest())
"""


@cache
def history() -> History:
    return History(World(1, at=AT), 400)


def told(kind: str) -> list[Said]:
    return [one for one in history().events if isinstance(one, Said) and one.record.type == kind]


def test_the_same_seed_and_moment_give_the_same_bytes_in_another_process() -> None:
    def digest(seed: int, hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", _PRINT_DIGEST, str(seed), AT.isoformat()],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": hash_seed, "PATH": "/usr/bin:/bin", "TZ": f"UTC{hash_seed}"},
            cwd=Path(__file__).parents[2],
        ).stdout

    assert digest(1, "1") == digest(1, "2")


def test_every_course_is_taken_and_most_are_honest() -> None:
    fates = Counter(life.fate for life in history().lives)
    assert set(fates) == {*COURSES, "honest"}
    assert fates["honest"] > 0.55 * len(history().lives)
    assert sum(course.often for course in COURSES.values()) < 400


def test_it_is_as_large_as_asked_for() -> None:
    found = history()
    assert count(found).policies == len(found.lives) == 400
    assert {life.insurer.code for life in found.lives} == {f"SANDBOX-{letter}" for letter in "ABCDEFGH"}
    assert len({life.product.holder.credit_code for life in found.lives}) >= 20
    assert len({life.product.approval_no for life in found.lives}) >= 60
    assert len({life.product.holder.region[:4] for life in found.lives}) >= 9
    assert (max(one.day for one in found.events) - min(one.day for one in found.events)).days > LENGTH - 30


def test_a_full_history_renews_policies_a_year_later() -> None:
    pairs: dict[tuple[str, str], list[date]] = {}
    for life in History(history().world, 2000).lives:
        pairs.setdefault((life.insurer.code, life.product.approval_no), []).append(life.issued_on)
    renewed = [days for days in pairs.values() if any(350 <= (b - a).days <= 370 for a in days for b in days)]
    assert len(renewed) > 100


def test_what_is_told_are_records_of_the_schema() -> None:
    kinds = set()
    for one in history().events:
        if isinstance(one, Said):
            kinds.add(one.record.type)
            RECORDS[one.record.type].model_validate(one.record.body)
    assert kinds == {
        *("policy", "premium_receipt", "premium_refund", "endorsement", "cancellation", "invoice", "delivery"),
        *("day_close", "claim_summary"),
    }


def test_authorities_speak_of_everything() -> None:
    words = [one for one in history().events if isinstance(one, Word)]
    paths = Counter(one.path for one in words)
    assert set(paths) == {
        *("/v1/filings", "/v1/awards", "/v1/decisions", "/v1/directives", "/v1/inquiries"),
        *("/v1/inquiries/{inquiry}/answer", "/v1/inquiries/{inquiry}/close"),
        *(f"/v1/registries/{name}" for name in NOUNS),
    }
    for one in words:
        if one.method == "POST" and not one.inquiry:
            message = json.loads(one.body)
            RECORDS[message["type"]].model_validate(message["record"])


def test_nothing_is_told_before_it_happened_or_on_a_day_that_is_not_worked() -> None:
    calendar = load_calendar()
    for one in history().events:
        assert history().days.first <= one.day <= history().days.last
        if isinstance(one, Word):
            continue
        if isinstance(one, HandedIn) or one.record.type != "day_close":
            try:
                assert calendar.is_working_day(one.day), one
            except Unpublished:
                assert one.day.weekday() < 5
        if isinstance(one, Said) and one.record.type in ("premium_receipt", "premium_refund"):
            stated = one.record.body.get("received_on") or one.record.body["paid_on"]
            assert date.fromisoformat(stated) < one.day


@pytest.mark.parametrize("ago", [729, 600, 499, 260, 221, 199, 119, 89, 1])
def test_the_registry_of_a_day_states_nothing_of_the_days_after_it(ago: int) -> None:
    day = AT.date() - timedelta(days=ago)
    stated = json.loads(clauses.registry_file(history().filings, day))["filings"]
    source = {"registry": "示例", "as_of": day.isoformat(), "fetched_at": AT.isoformat()}
    for one in stated:
        filing = Filing.model_validate({**one, "source": source})
        assert filing.registered_on <= day
        assert all(at.from_ <= day for at in filing.intervals)
        assert filing.state_on(day) is not None or filing.intervals


def test_an_ended_clause_is_in_use_until_its_day() -> None:
    stopped = AT.date() + timedelta(days=0) - timedelta(days=clauses.STOPPED)
    number = history().filings[2]["registration_no"]

    def state(day: date) -> Any:
        found = {one["registration_no"]: one for one in clauses.as_stated_on(history().filings, day)}
        return found[number]["intervals"][-1]["state"]

    assert (state(stopped - timedelta(days=2)), state(stopped + timedelta(days=2))) == ("in_use", "stopped")


def test_the_registries_beside_filings_can_be_read() -> None:
    for name, entries in archives(history(), history().days.last).items():
        for entry in entries:
            NOUNS[name].model_validate(entry)  # type-checked by the names of NOUNS
    assert len({one["approval_no"] for one in archives(history(), AT.date())["varieties"]}) >= 60


def test_a_closed_day_counts_what_was_kept_back_too() -> None:
    full = History(history().world, 1000)
    lately = full.days.last - timedelta(days=380), full.days.last - timedelta(days=10)
    kept = next(life for life in full.lives if life.fate == "kept-back" and lately[0] < life.issued_on < lately[1])
    assert not kept.told
    (closing,) = (
        one.record.body
        for one in full.events
        if isinstance(one, Said)
        and one.record.type == "day_close"
        and (one.insurer, one.record.body["date"]) == (kept.insurer.code, kept.issued_on.isoformat())
    )
    policies = next(total for total in closing["totals"] if total["type"] == "policy")
    known = [
        one
        for one in full.events
        if isinstance(one, Said)
        and one.record.type == "policy"
        and (one.insurer, one.record.body["issued_on"]) == (kept.insurer.code, kept.issued_on.isoformat())
        and not one.alone
    ]
    assert policies["count"] == len({one.record.policy_no for one in known}) + 1


@given(st.integers(1, 60))
@settings(max_examples=10, deadline=None)
def test_a_small_history_is_a_history(policies: int) -> None:
    found = History(history().world, policies)
    assert len({life.facts.policy_no for life in found.lives}) == policies
    numbers = [
        one.record.body["receipt_no"]
        for one in found.events
        if isinstance(one, Said) and one.record.type == "premium_receipt"
    ]
    assert len(set(numbers)) == len(numbers)


def test_enterprises_and_deliveries_have_codes_that_hold() -> None:
    for one in history().enterprises:
        assert organisation_digit_holds(one.credit_code)
    for said in told("delivery"):
        assert organisation_digit_holds(said.record.body["buyer"]["credit_code"])


def test_a_history_has_policies() -> None:
    with pytest.raises(ValueError, match="policies"):
        History(history().world, 0)
