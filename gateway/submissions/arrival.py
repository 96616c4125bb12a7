"""A message as it arrived: signed by a known key, already read; nothing of it is decided yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.participants import Participant
from gateway.submissions.decisions import subject_of
from gateway.submissions.group import PolicyKey
from gateway.submissions.known import MOVEMENTS
from gateway.submissions.read import Reading, ReadRecord
from schemas.premium import Award, Decision, Invoice
from schemas.submission import id_of_submission
from schemas.verification import Check

RecordNumber = tuple[str, str, str]  # insurer code, type, number


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a known key signed, already read; nothing of it is decided yet."""

    insurer: Participant
    message_id: str
    body: bytes
    content_type: str
    received_at: datetime
    keyid: str
    nonce: str | None
    may_repeat: bool
    proof: Mapping[str, Any]
    request_checks: tuple[Check, ...]
    reading: Reading
    body_digest: str = ""

    @property
    def submission_id(self) -> str:
        """The id that the message gets if it is new. A retry is told the id that the message has."""
        return id_of_submission(self.insurer.code, self.message_id, self.received_at)

    def policy_keys(self) -> list[PolicyKey]:
        """The policies that the message is about, as far as it says of which insurer they are."""
        return [key for read in self.reading.records for key in keys_named(self, read)]

    def policy_numbers(self) -> list[str]:
        """The numbers of the policies that the message is about, of whatever insurer."""
        numbers = [number for _, number in self.policy_keys()]
        return numbers + [number for read in self.reading.records for number in numbers_named(read)]


def keys_named(arrival: Arrival, read: ReadRecord) -> list[PolicyKey]:
    """The policies that a record names: an insurer's own, or those of an authority's decision."""
    if isinstance(read.noun, Decision):
        subject = subject_of(read.noun)
        return [subject[:2]] if subject else []
    if arrival.insurer.role != "insurer":
        return []
    if isinstance(read.noun, Invoice):
        return [(arrival.insurer.code, number) for number in dict.fromkeys(read.noun.policy_nos)]
    return [(arrival.insurer.code, read.policy_no)] if read.policy_no else []


def numbers_named(read: ReadRecord) -> tuple[str, ...]:
    """The policies that an award names by their numbers alone."""
    return read.noun.policy_nos if isinstance(read.noun, Award) else ()


def movement_number(arrival: Arrival, read: ReadRecord) -> RecordNumber | None:
    """Under which number a movement is known; no two policies of an insurer share one (F-01)."""
    if read.type not in MOVEMENTS or read.number is None or read.policy_no is None:
        return None
    return arrival.insurer.code, read.type, read.number


def number_of(arrival: Arrival, read: ReadRecord) -> str | None:
    """The number under which a record is kept: its own; of an award the message's; of a decision its premium."""
    if isinstance(read.noun, Award):
        return arrival.message_id
    if isinstance(read.noun, Decision):
        subject = subject_of(read.noun)
        return f"premium:{subject[0]}/{subject[1]}" if subject else read.noun.subject
    return read.number
