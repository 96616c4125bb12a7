"""Who takes part: insurers, the subsidy system, regulators, operators, with the keys that they sign requests with."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from adapters.document import PROFILES
from adapters.insurers import MAPPINGS
from gateway.errors import Misconfigured
from schemas.base import Noun
from schemas.identifiers import CreditCode, InsurerCode
from schemas.policy import Line
from signing.algorithms import find_flaw
from untrusted import Refused, read_json

Role = Literal["insurer", "subsidy_system", "regulator", "operator"]


class ParticipantKey(Noun):
    """A public key registered for signing requests: SPKI in base64, and from when until when it may be used.

    `holder` is the person who holds it: needed of operators, where a second person has to agree.
    """

    keyid: str = Field(pattern=r"^[0-9A-Za-z._:-]{1,100}$")
    algorithm: Literal["ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "sm2-sm3"]
    public_key: str
    holder: str | None = Field(default=None, min_length=1, max_length=100)
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        self.spki()
        return self

    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER."""
        try:
            return base64.b64decode(self.public_key, validate=True)
        except binascii.Error as error:
            raise ValueError(f"key {self.keyid}: not base64") from error

    def is_current(self, at: datetime) -> bool:
        """Whether the key may be used at `at`."""
        return (self.not_before is None or self.not_before <= at) and (self.not_after is None or at <= self.not_after)


class Participant(Noun):
    """One participant. An insurer has its credit code, its 6-digit company code, its dialect and document profile.

    `line` is the line of cover that is registered for an insurer whose format names neither line nor clause: it then
    stands for each of its policies, with a lineage that says so.
    """

    code: InsurerCode
    role: Role
    name: str = Field(min_length=1, max_length=300)
    credit_code: CreditCode | None = None
    company_code: str | None = Field(default=None, pattern=r"^[0-9]{6}$")
    dialect: str | None = None
    document_profile: str | None = None
    line: Line | None = None
    keys: tuple[ParticipantKey, ...] = ()

    @model_validator(mode="after")
    def _insurer_is_complete(self) -> Self:
        if self.role == "insurer" and not (self.credit_code and self.company_code and self.dialect):
            raise ValueError(f"insurer {self.code}: credit_code, company_code and dialect are needed")
        return self


@dataclass(frozen=True, slots=True)
class LaterKey:
    """A key that was let in after the file was written, and which key of theirs ends for it, and when."""

    participant: str
    key: ParticipantKey
    replaces: str | None = None
    replaced_until: datetime | None = None


class Participants:
    """All participants, by code and by the id of their keys: those of a file, with the keys that were let in later."""

    def __init__(self, participants: Iterable[Participant]) -> None:
        self._by_code: dict[str, Participant] = {}
        self._by_keyid: dict[str, tuple[Participant, ParticipantKey]] = {}
        for participant in participants:
            if participant.code in self._by_code:
                raise Misconfigured(f"participant {participant.code} stands twice")
            self._by_code[participant.code] = participant
        for participant in self._by_code.values():
            for key in participant.keys:
                if key.keyid in self._by_keyid or self._by_code.get(key.keyid, participant) is not participant:
                    raise Misconfigured(f"key id {key.keyid} is registered twice")
                self._by_keyid[key.keyid] = (participant, key)
        # A participant whose file names a single key may be named by its own code instead of the key's id.
        self._named_by_code = {one.code: one.keys[0].keyid for one in self._by_code.values() if len(one.keys) == 1}
        self._filed = tuple(self._by_code.values())

    def adopt(self, later: Iterable[LaterKey]) -> None:
        """Know these keys too, and no others that were let in later. What the file says of a key id goes first; the
        earlier of two ends counts."""
        added, ends = tuple(later), dict[str, datetime]()
        for one in added:
            if one.replaces is not None and one.replaced_until is not None:
                ends[one.replaces] = min(ends.get(one.replaces, one.replaced_until), one.replaced_until)
        filed = {key.keyid for person in self._filed for key in person.keys}
        filed |= {person.code for person in self._filed}
        by_code, by_keyid = dict[str, Participant](), dict[str, tuple[Participant, ParticipantKey]]()
        for person in self._filed:
            own = (new.key for new in added if new.participant == person.code and new.key.keyid not in filed)
            keys = tuple(_ended(key, ends.get(key.keyid)) for key in (*person.keys, *own))
            known = person if keys == person.keys else person.model_copy(update={"keys": keys})
            by_code[person.code] = known
            by_keyid |= {key.keyid: (known, key) for key in keys}
        self._by_code, self._by_keyid = by_code, by_keyid

    def find(self, code: str) -> Participant | None:
        """The participant of this code."""
        return self._by_code.get(code)

    def by_key(self, keyid: str) -> tuple[Participant, ParticipantKey] | None:
        """Whose key this is, and the key. A participant with a single key may be named by its own code instead."""
        return self._by_keyid.get(keyid) or self._by_keyid.get(self._named_by_code.get(keyid, ""))

    def all(self) -> tuple[Participant, ...]:
        """Everybody, by code."""
        return tuple(sorted(self._by_code.values(), key=lambda p: p.code))

    def insurers(self) -> tuple[Participant, ...]:
        """All insurers, by code."""
        return tuple(sorted((p for p in self._by_code.values() if p.role == "insurer"), key=lambda p: p.code))


def _ended(key: ParticipantKey, at: datetime | None) -> ParticipantKey:
    if at is None or (key.not_after is not None and key.not_after <= at):
        return key
    return key.model_copy(update={"not_after": at})


def _check_known(participant: Participant, file: Path) -> None:
    """What a participant is read by exists here, and its keys are keys of their algorithms."""
    where = f"{file}: participant {participant.code}"
    if participant.dialect is not None and participant.dialect not in MAPPINGS:
        raise Misconfigured(f"{where}: there is no dialect {participant.dialect}")
    if participant.document_profile is not None and participant.document_profile not in PROFILES:
        raise Misconfigured(f"{where}: there is no document profile {participant.document_profile}")
    for key in participant.keys:
        flaw = find_flaw(key.algorithm, key.spki(), b"", b"", encoding="raw")
        if flaw is not None and flaw.rule in ("signature.key", "signature.algorithm"):
            raise Misconfigured(f"{where}: key {key.keyid} is not usable as {key.algorithm}: {flaw.reason}")


def load_participants(file: Path) -> Participants:
    """The participants of a JSON file: an array of `Participant`. Raises `Misconfigured` naming the entry."""
    try:
        entries = read_json(file.read_bytes())
    except (OSError, Refused) as error:
        raise Misconfigured(f"{file}: {error}") from error
    if not isinstance(entries, list):
        raise Misconfigured(f"{file}: an array of participants is expected")
    participants = []
    for place, entry in enumerate(entries):
        try:
            participants.append(Participant.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            raise Misconfigured(f"{file}: entry {place}: {first['loc']}: {first['msg']}") from error
        _check_known(participants[-1], file)
    return Participants(participants)
