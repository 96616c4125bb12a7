"""Retro-impact 追溯影响: which premiums rest on something that turned out wrong, and what is at stake.

A cause names what is wrong: a clause whose filing was withdrawn, a certificate or its issuer that was revoked, a key
that was stolen, an insurer, a rule. The list is of premiums as they stand, quickly; judging them again (`rejudge`) says
what becomes of each.
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from gateway.db import Connection
from gateway.submissions.group import PolicyKey
from gateway.submissions.memory import store
from schemas.canonical import canonical, join_members
from schemas.money import ZERO, Yuan

Kind = Literal["clause", "certificate", "issuer", "key", "insurer", "rule", "all"]
_KINDS: Mapping[str, Kind] = {kind: kind for kind in get_args(Kind)}
_CAUSE = re.compile(r"(clause|certificate|issuer|key|insurer|rule):(.{1,300})|(all)", re.DOTALL)


class UnknownCause(ValueError):
    """What was named is no cause."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why premiums are looked at again: a kind, and what it names.

    `clause`: registration number; `certificate`: serial number as reports state it; `issuer`: its name as reports state
    it; `key`: id of a request key; `insurer`: code; `rule`: id, of premiums whose latest report names it.
    """

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


def read_cause(text: str) -> Cause:
    """`clause:C0000…`, `certificate:SERIAL`, `issuer:NAME`, `key:KEYID`, `insurer:CODE`, `rule:ID`, or `all`.

    Raises `UnknownCause`.
    """
    found = _CAUSE.fullmatch(text)
    if found is None:
        raise UnknownCause(
            f"{text[:80]}: say clause:NO, certificate:SERIAL, issuer:NAME, key:ID, insurer:CODE, rule:ID or all"
        )
    return Cause(_KINDS[found[1] or found[3]], found[2] or "")


class Touched(NamedTuple):
    """A premium that a cause touches: where it stands, and what somebody may have relied on, in yuan."""

    insurer: str
    policy_no: str
    revision: int
    status: str
    net_paid: Yuan
    worth: dict[str, str]

    @property
    def key(self) -> PolicyKey:
        """Insurer code and policy number."""
        return self.insurer, self.policy_no

    def as_json(self) -> dict[str, object]:
        """The entry of an impact list."""
        return {
            "insurer": self.insurer,
            "policy_no": self.policy_no,
            "revision": self.revision,
            "status": self.status,
            "at_stake": str(self.net_paid if self.status == "verified" else ZERO),
            "subsidies_at_stake": self.worth if self.status == "verified" else {},
        }


async def find_touched(connection: Connection, cause: Cause, *, batch: int = 5000) -> AsyncIterator[Touched]:
    """The premiums that the cause touches, by insurer and policy number; read in pieces, in bounded memory.

    One reading as of its beginning, in a transaction of its own, which lasts until all is taken.
    """
    async for rows in store.read_touched(connection, cause.kind, cause.name, batch):
        for insurer, policy_no, revision, status, net_paid, worth in rows:
            yield Touched(insurer, policy_no, revision, status, Yuan.of(net_paid or "0.00"), worth or {})


def write_list(body: Mapping[str, Any]) -> bytes:
    """The canonical form (RFC 8785) of a list, its entries written one by one: there may be a million of them."""
    members = {
        name: b"[" + b",".join(map(canonical, value)) + b"]" if isinstance(value, list) else canonical(value)
        for name, value in body.items()
    }
    return join_members(members)
