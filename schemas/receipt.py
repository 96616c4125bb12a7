"""存档回执: what a message was told, small enough to be filed beside it, and provable without whoever said it."""

from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.identifiers import Digest, InsurerCode, MessageId
from schemas.log import Entry, EntryKind, Leaf
from schemas.verification import Outcome

_STATUS = {Outcome.PASSED: "verified", Outcome.INDETERMINATE: "held", Outcome.FAILED: "refused"}


class FiledReceipt(Noun):
    """What is signed of a receipt: which bytes came, what they were told under which rules, and where the log says so.

    `failing` are the rules that did not pass and decide; `receipt_digest` is that of the whole receipt, byte for byte
    as `/v1/submissions/{id}` answers it; `iat` is when this was signed, in POSIX seconds (RFC 7519 section 4.1.6).
    """

    schema_: Literal["premium-receipt/1.0"] = Field(default="premium-receipt/1.0", alias="schema")
    submission_id: str = Field(pattern=r"^S[0-9a-f]{32}$")
    message_id: MessageId
    insurer: InsurerCode
    body_digest: Digest
    kind: EntryKind
    received_at: AwareDatetime
    status: Literal["verified", "held", "refused"]
    outcome: Outcome
    failing: tuple[str, ...] = ()
    catalogue: Digest
    report_digest: Digest
    receipt_digest: Digest
    leaf: Leaf
    iat: int = Field(ge=0, lt=2**40)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if _STATUS[self.outcome] != self.status:
            raise PydanticCustomError("receipt.status", "the status does not follow from the outcome")
        return self

    def entry(self) -> Entry:
        """The entry of the log that says the same: the hash of its canonical form (RFC 6962) is `leaf.hash`."""
        body = {
            "submission_id": self.submission_id,
            "insurer": self.insurer,
            "body_digest": self.body_digest,
            "outcome": self.outcome.value,
            "report_digest": self.report_digest,
        }
        return Entry(kind=self.kind, at=self.received_at, body=body)
