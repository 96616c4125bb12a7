"""What people do with a key: who acts, what speaks against it, and that two people are two."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import GatewayError
from gateway.participants import Participant, ParticipantKey
from schemas.party import folded
from schemas.verification import Check, Outcome, failed, passed


class Objected(GatewayError):
    """What was asked for is not done: every check says why. Answered as 422, unless a route knows better."""

    def __init__(self, *checks: Check) -> None:
        super().__init__(", ".join(f"{check.rule}: {check.reason}" for check in checks))
        self.checks = checks


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed: the participant, the key, and the person who holds it."""

    participant: str
    keyid: str
    holder: str

    def is_same_as(self, other: "Person") -> bool:
        """Whether one person holds both keys, as far as names tell: how a name is spaced and written wide makes no
        other person of it, nor does another participant."""
        return self.keyid == other.keyid or folded(self.holder) == folded(other.holder)


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, with which key, and what proves it."""

    participant: Participant
    key: ParticipantKey
    proof: Mapping[str, Any]

    @property
    def person(self) -> Person:
        """Who it is; a key without a holder is nobody's, which `check_person` says."""
        return Person(self.participant.code, self.key.keyid, self.key.holder or "")


def require(*checks: Check, error: type[Objected] = Objected) -> None:
    """Go on only if every check is passed. Raises `Objected`, or the kind of it that is given, with those that are not:
    unknown is not passed."""
    against = [check for check in checks if check.outcome is not Outcome.PASSED]
    if against:
        raise error(*against)


def check_person(rule: str, by: Acting, earlier: Iterable[Person] = ()) -> Check:
    """Four eyes: it is known which person holds the key, and it is none of those who acted before, whatever key they
    used. Of two keys without a holder nobody can tell whether two people hold them. `rule` says of which act."""
    keyid = by.key.keyid
    if by.key.holder is None:
        return failed(rule, "holder-unknown", field="keyid", keyid=keyid)
    same = [one.keyid for one in earlier if one.is_same_as(by.person)]
    if same:
        return failed(rule, "same-person", field="keyid", keyid=keyid, earlier=same[0])
    return passed(rule, keyid=keyid)
