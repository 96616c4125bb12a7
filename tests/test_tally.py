"""The counting of the published suites: what is wrong is seen as what it is, and nothing is left out silently."""

import time
from contextlib import suppress

import pytest

from tests.tally import SECONDS, Part, Tally, drain, suites, table


def tally() -> Tally:
    found = Tally("sm2", "vectors")
    drain()  # it is not one of this run
    return found


def test_each_kind_is_counted_apart() -> None:
    one = tally()
    one.add("a", expected=True, actual=True)
    one.add("b", expected=False, actual=True)
    one.add("c", expected=True, actual=False)
    one.add("d", expected=True, actual=False, declared="why")
    one.add("e", expected=True, actual=True, declared="why")
    with pytest.raises(KeyError), one.judging("f"):
        raise KeyError
    assert one.wrong == ["wrong-accept b", "wrong-reject c", "wrong-accept e", "crash f"]
    assert (one.counts["cases"], one.declared) == (5, {"why": 2})
    with pytest.raises(AssertionError):
        one.settle()
    lines = list(table([one.row(), one.row()]))
    assert lines[0] == "cases 10, wrong-accept 4, wrong-reject 2, crash 2, time-out 0"
    assert "  sm2: 4 × why" in lines


def test_a_case_that_takes_too_long_is_stopped() -> None:
    one, began = tally(), time.process_time()
    with pytest.raises(TimeoutError), one.judging("g", seconds=0.05):
        spin()
    assert time.process_time() - began < SECONDS
    assert one.wrong == ["time-out g"]


def test_a_bell_that_somebody_swallows_was_heard() -> None:
    one = tally()
    with one.judging("g", seconds=0.05), suppress(TimeoutError):
        spin()
    assert one.wrong == ["time-out g"]


def test_what_the_table_says_must_be_so() -> None:
    one = tally()
    one.expected = Part(1)
    one.add("a", expected=True, actual=True)
    one.settle()
    for reason in ("left", "declared"):
        other = tally()
        other.expected = Part(1)
        other.add("a", expected=True, actual=reason == "left", declared=None if reason == "left" else reason)
        if reason == "left":
            other.leave_out(reason)
        with pytest.raises(AssertionError):
            other.settle()
    with pytest.raises(KeyError):
        Tally("sm2", "unheard of")
    assert all(part.cases > 0 for part in suites().values())


def spin() -> None:
    while True:
        pass
