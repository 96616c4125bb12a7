"""The id of a message: it grows with time, and is one for each insurer, message id and second."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.submission import id_of_submission

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=49_000)).map(lambda since: EPOCH + since)  # to 2104
NAMES = st.from_regex(r"[0-9A-Za-z._-]{1,64}", fullmatch=True)


@given(MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=300)), NAMES, NAMES)
def test_a_later_message_has_a_greater_id(at: datetime, later: timedelta, first: str, second: str) -> None:
    assert id_of_submission("PICC", first, at) < id_of_submission("PICC", second, at + later)


@given(MOMENTS, st.sampled_from(["PICC", "CPIC"]), st.sampled_from(["PICC", "CPIC"]), NAMES, NAMES)
def test_an_id_is_one_insurers_and_one_messages(at: datetime, one: str, other: str, first: str, second: str) -> None:
    same = id_of_submission(one, first, at) == id_of_submission(other, second, at)
    assert same == ((one, first) == (other, second))


@given(MOMENTS, NAMES)
def test_an_id_has_one_form_and_names_its_second(at: datetime, name: str) -> None:
    found = id_of_submission("PICC", name, at)
    assert re.fullmatch(r"S[0-9a-f]{32}", found)
    assert int(found[1:9], 16) == int(at.timestamp())


def test_what_an_insurer_and_a_message_id_are_is_not_taken_one_for_the_other() -> None:
    at = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
    assert id_of_submission("PICC-1", "2", at) != id_of_submission("PICC", "-12", at)
    assert id_of_submission("PICC", "m-1", at) == "S6a964dc05a3399328a125e67e5d973e9"  # printf "PICC\0m-1" | sha256sum
