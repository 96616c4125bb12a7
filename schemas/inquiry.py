"""Inquiries 问询: what an authority asks an insurer about a premium or a message, and what the insurer answers."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Noun
from schemas.identifiers import Digest
from schemas.party import Text


class Question(Noun):
    """A question about a premium (`premium:INSURER/POLICY_NO`) or a message (`submission:ID`) of an insurer.

    `due_on` is the last day for the answer, in Asia/Shanghai; without it, five working days after the question.
    """

    subject: Annotated[
        str, Field(pattern=r"^(premium:[0-9A-Z][0-9A-Z-]{1,31}/[0-9A-Z-]{10,30}|submission:S[0-9a-f]{32})$")
    ]
    question: Text
    due_on: date | None = None


class Reply(Noun):
    """The insurer's answer; `documents` are the digests of documents that it has handed in."""

    text: Text
    documents: Annotated[tuple[Digest, ...], Field(max_length=50)] = ()


class Closing(Noun):
    """The end of an inquiry: the answer satisfies or does not, or the question is withdrawn; and why."""

    outcome: Literal["satisfied", "not-satisfied", "withdrawn"]
    reason: Text
