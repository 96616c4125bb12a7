"""The next revision of a premium: whether there is one, and what is kept and logged of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.submissions.group import shared_movements
from gateway.submissions.journal import Posting, counted, post
from gateway.submissions.known import PolicyState, Previous
from gateway.submissions.verdict import signature_of
from schemas.canonical import canonical
from schemas.log import Entry, Leaf
from schemas.money import ZERO
from schemas.verified import VerifiedPremium


@dataclass(frozen=True, slots=True)
class Revision:
    """A new revision, ready to be appended: its canonical bytes are made once, before anybody waits for its place.

    `policy_submission` is, of a verified premium, the submission whose policy it states; `net_paid` the amount that the
    subsidy may rest on, if that is decided, and `worth` what it was worth then under each scheme, in yuan. `postings`
    are what the journal gains.
    """

    premium: VerifiedPremium
    signature: str
    policy_submission: str | None
    net_paid: str | None
    body: bytes
    worth: Mapping[str, str] | None = None
    postings: tuple[Posting, ...] = ()

    def entry(self) -> Entry:
        """What the log says of it: its place, its status, and the digest of all of it."""
        return Entry(
            kind="premium",
            at=self.premium.known_at,
            body={
                "insurer": self.premium.insurer,
                "policy_no": self.premium.policy_no,
                "revision": self.premium.revision,
                "status": self.premium.status,
                "digest": f"sha256:{hashlib.sha256(self.body).hexdigest()}",
            },
        )

    def row(self, position: int, leaf: Leaf) -> tuple[Any, ...]:
        """Its row of `premiums`."""
        return (
            position,
            self.premium.insurer,
            self.premium.policy_no,
            self.premium.revision,
            self.premium.status,
            self.premium.known_at,
            leaf.index,
            leaf.hash,
            self.signature,
            self.policy_submission,
            self.net_paid,
            self.body,
            None if self.worth is None else orjson.dumps(self.worth).decode(),
        )

    def journal_rows(self) -> list[tuple[Any, ...]]:
        """Its rows of `movements`."""
        own = self.premium
        return [
            (
                own.insurer,
                own.policy_no,
                own.revision,
                one.kind,
                one.debit,
                one.credit,
                str(one.amount),
                one.day,
                own.known_at,
                one.source,
                one.reason,
            )
            for one in self.postings
        ]


def take_revision(state: PolicyState, premium: VerifiedPremium) -> Revision | None:
    """The new revision that this is, which the state knows as its previous one from now on; `None` if it says what the
    previous one says."""
    signature = signature_of(premium)
    earlier = state.previous
    if earlier is not None and earlier.signature == signature:
        return None
    policy_submission, net_paid, worth = _decided(state, premium)
    postings = tuple(post(state.posted, counted(premium.policy, shared_movements(state))))
    state.posted += postings
    state.previous = Previous(
        revision=premium.revision,
        status=premium.status,
        signature=signature,
        known_at=premium.known_at,
        verified_policy=policy_submission or (earlier.verified_policy if earlier else None),
        net_paid=net_paid if net_paid is not None else (earlier.net_paid if earlier else None),
        worth=worth if net_paid is not None else (earlier.worth if earlier else None),
    )
    return Revision(premium, signature, policy_submission, net_paid, canonical(premium), worth, postings)


def _decided(state: PolicyState, premium: VerifiedPremium) -> tuple[str | None, str | None, Mapping[str, str] | None]:
    """For a verified premium the submission whose policy it states; and the amounts that the subsidy may rest on."""
    if premium.status == "verified" and premium.money is not None:
        current = state.current_policy()
        worth = {one.scheme: str(one.subsidy) for one in premium.schemes}
        return (current.submission_id if current else None), str(premium.money.net_paid), worth
    return (None, str(ZERO), {}) if premium.status == "withdrawn" else (None, None, None)
