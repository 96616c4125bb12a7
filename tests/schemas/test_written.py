"""What is put together from kept parts is, to the byte, the canonical form of the whole."""

from datetime import UTC, datetime
from typing import Any

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import as_json, canonical, join_members
from schemas.verification import Check, Outcome, Severity, conclude

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FACTS = st.dictionaries(
    TEXTS, st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS, st.lists), max_size=4
)
CHECKS = st.builds(
    Check,
    rule=st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?", fullmatch=True),
    outcome=st.sampled_from(Outcome),
    reason=st.just("because"),
    severity=st.just(Severity.ERROR),
    facts=FACTS,
    field=st.none() | TEXTS,
)


@given(st.lists(CHECKS, min_size=1, max_size=5), st.dictionaries(st.sampled_from(["trust", "catalogue"]), TEXTS))
def test_a_report_is_written_as_the_library_would_write_it_whole(checks: list[Check], basis: dict[str, str]) -> None:
    report = conclude("document", checks=checks, at=datetime(2026, 3, 1, tzinfo=UTC), basis=basis)
    whole: Any = as_json(report)
    assert canonical(report) == rfc8785.dumps(whole)
    assert canonical(report) is canonical(report)
    assert join_members(report.members()) == canonical(report)


@given(CHECKS)
def test_what_is_kept_beside_a_noun_is_no_part_of_it(check: Check) -> None:
    twin = Check.model_validate(as_json(check))
    before = (hash(str(check)), check == twin)
    canonical(check)
    assert (hash(str(check)), check == twin) == before
    assert canonical(check.model_copy(update={"rule": "other"})) != canonical(check)
