"""Two people are two: what stands between one person and an act that takes a second."""

import base64

import pytest
from house import world
from hypothesis import given
from hypothesis import strategies as st

from gateway.acts import Acting, Objected, Person, check_person, require
from gateway.participants import Participant
from schemas.party import folded
from schemas.verification import Outcome, failed, passed, unknown

RULE = "erasure.second-person"
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable() and folded(name) != "")


def acting(keyid: str, holder: str | None, code: str = "X-1") -> Acting:
    spki = base64.b64encode(world().operator.request_key.spki).decode()
    key = {"keyid": keyid, "algorithm": "ed25519", "public_key": spki, "holder": holder}
    one = Participant.model_validate({"code": code, "role": "operator", "name": "x", "keys": [key]})
    return Acting(one, one.keys[0], {})


@given(NAMES, NAMES)
def test_who_agrees_is_another_person_than_who_asked(first: str, second: str) -> None:
    check = check_person(RULE, acting("k2", second), [Person("X-1", "k1", first)])
    assert (check.outcome is Outcome.PASSED) == (folded(first) != folded(second))


@pytest.mark.parametrize("written", ["张三", "张 三", "张\u3000三", " 张三"])
def test_one_person_is_one_however_the_name_is_written(written: str) -> None:
    check = check_person(RULE, acting("k2", written), [Person("X-1", "k1", "李四"), Person("X-2", "k1", "张三")])
    assert (check.reason, check.facts["earlier"]) == ("same-person", "k1")


def test_one_key_is_one_person_whoever_is_said_to_hold_it() -> None:
    assert check_person(RULE, acting("k1", "李四"), [Person("X-1", "k1", "张三")]).reason == "same-person"


@pytest.mark.parametrize("earlier", [[], [Person("X-1", "k1", "张三")]])
def test_a_key_that_nobody_is_known_to_hold_is_no_person(earlier: list[Person]) -> None:
    assert check_person(RULE, acting("k2", None), earlier).reason == "holder-unknown"


def test_nothing_is_done_while_a_check_is_failed_or_unknown() -> None:
    require(passed("x"), passed("y"))
    checks = [passed("x"), failed("y", "bad"), unknown("z", "nobody-knows")]
    with pytest.raises(Objected) as objected:
        require(*checks)
    assert objected.value.checks == tuple(checks[1:])

    class Outdated(Objected):
        pass

    with pytest.raises(Outdated):
        require(*checks, error=Outdated)
