"""What is pushed, and the one final answer to it."""

import hashlib
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.canonical import Written
from schemas.filing import Filing
from schemas.identifiers import Digest, InsurerCode, MessageId, PolicyNo
from schemas.log import Leaf
from schemas.policy import Cancellation, Endorsement, Policy
from schemas.premium import (
    Award,
    ClaimSummary,
    DayClose,
    Decision,
    Delivery,
    Directive,
    Invoice,
    PremiumReceipt,
    PremiumRefund,
)
from schemas.verification import Report

SCHEMA = "premium-exchange/1.0"

RecordType = Literal[
    "policy",
    "endorsement",
    "cancellation",
    "premium_receipt",
    "premium_refund",
    "invoice",
    "delivery",
    "day_close",
    "claim_summary",
    "filing",
    "award",
    "decision",
    "directive",
]

RECORDS: dict[str, type[Noun]] = {
    "policy": Policy,
    "endorsement": Endorsement,
    "cancellation": Cancellation,
    "premium_receipt": PremiumReceipt,
    "premium_refund": PremiumRefund,
    "invoice": Invoice,
    "delivery": Delivery,
    "day_close": DayClose,
    "claim_summary": ClaimSummary,
    "filing": Filing,
    "award": Award,
    "decision": Decision,
    "directive": Directive,
}

Status = Literal["verified", "held", "refused", "withdrawn"]


class Envelope(Noun):
    """One message of the standard schema; `insurer` is absent only in awards, decisions and directives."""

    schema_: Literal["premium-exchange/1.0"] = Field(alias="schema")
    type: RecordType
    message_id: MessageId
    insurer: InsurerCode | None = None
    sent_at: AwareDatetime
    record: dict[str, Any]

    @model_validator(mode="after")
    def _attributed(self) -> Self:
        if self.insurer is None and self.type not in ("award", "decision", "directive"):
            raise PydanticCustomError("field.missing", "only awards, decisions and directives come without an insurer")
        return self


class PremiumState(Noun):
    """What a message did to one premium: its new revision, its status and the rules that do not pass."""

    insurer: InsurerCode
    policy_no: PolicyNo
    revision: int = Field(ge=1)
    status: Status
    failing: tuple[str, ...] = ()


def id_of_submission(insurer: str, message_id: str, received_at: datetime) -> str:
    """A message's own id in the gateway: `S`, the POSIX second in which it came as eight hex digits, and 24 hex digits
    of the digest of insurer and message id. Later ids are greater: what is stored by them grows at its end."""
    name = f"{insurer}\x00{message_id}".encode()
    return f"S{int(received_at.timestamp()):08x}{hashlib.sha256(name).hexdigest()[:24]}"


class Receipt(Written):
    """回执: the one final answer to a message, the same for ever.

    `status` is about the message: `verified` when everything that it says and proves was checked and passed, `held`
    when something is unknown, `refused` when something failed. `premiums` says what became of each premium it touches.
    """

    APART = ("report",)

    submission_id: str = Field(pattern=r"^S[0-9a-f]{32}$")
    message_id: MessageId
    insurer: InsurerCode
    body_digest: Digest
    received_at: AwareDatetime
    status: Literal["verified", "held", "refused"]
    report: Report
    premiums: tuple[PremiumState, ...] = ()
    leaf: Leaf | None = None
