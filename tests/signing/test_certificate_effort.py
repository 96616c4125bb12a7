"""Certificates that a stranger sends cannot make path building expensive."""

import time
from functools import partial

import pytest
from authority import AT, CERTIFYING, Holder, issue, make_key, middle, name, revocation_list, root
from pdf_maker import Pdf, make_cms

from schemas.verification import Outcome
from signing import verify_document
from signing.checks.certificate import check_chain
from signing.checks.paths import Link, Search
from signing.trust import Purpose, TrustStore

SECONDS = 3.0  # a path of three takes milliseconds; an exponential search would take years


def _judge(leaf: bytes, bag: list[bytes], trust: TrustStore) -> tuple[Outcome, str | None, float]:
    began = time.perf_counter()
    checks = check_chain(leaf, intermediates=bag, trust=trust, at=AT, purpose=Purpose.document_signing)
    chain = next(check for check in checks if check.rule == "certificate.chain")
    return chain.outcome, chain.reason, time.perf_counter() - began


@pytest.mark.parametrize("copies", [3, 5, 50])
@pytest.mark.parametrize("same", [True, False])
def test_copies_of_a_self_issued_certificate(copies: int, same: bool) -> None:
    key = make_key("sm2", "loop")
    looping = [
        issue("Loop", key=key, authority=True, usage=CERTIFYING, serial=7 if same else number, identifiers=False)
        for number in range(copies)
    ]
    leaf = issue("Leaf", looping[0])
    outcome, reason, seconds = _judge(leaf.certificate, [one.certificate for one in looping], TrustStore())
    assert outcome is Outcome.INDETERMINATE
    assert reason in ("chain-unknown", "chain-too-complex")
    assert seconds < SECONDS


@pytest.mark.parametrize("copies", [3, 5, 50])
def test_copies_do_not_hide_the_real_path(copies: int) -> None:
    top = root()
    issuing = middle("Issuing", top)
    leaf = issue("Leaf", issuing)
    false = [
        issue("Issuing", key=issuing.key, authority=True, usage=CERTIFYING, serial=number) for number in range(copies)
    ]
    trust = TrustStore(
        signers=(top.certificate,),
        intermediates=(issuing.certificate,),
        crls=(revocation_list(top), revocation_list(issuing)),
    )
    outcome, _, seconds = _judge(leaf.certificate, [one.certificate for one in false], trust)
    assert outcome is Outcome.PASSED
    assert seconds < SECONDS


def test_a_clique_of_cross_certificates_has_a_budget() -> None:
    keys = [make_key("p256", f"clique {number}") for number in range(6)]
    holders = [Holder(b"", key, name(f"Member {number}")) for number, key in enumerate(keys)]
    bag = [
        issue(subject.subject, by, key=subject.key, authority=True, usage=CERTIFYING).certificate
        for subject in holders
        for by in holders
        if subject is not by
    ]
    leaf = issue("Leaf", holders[0], kind="p256")
    outcome, reason, seconds = _judge(leaf.certificate, bag, TrustStore(signers=(root().certificate,)))
    assert (outcome, reason) == (Outcome.INDETERMINATE, "chain-too-complex")
    assert seconds < SECONDS


def test_a_long_chain_ends() -> None:
    holder = top = root(kind="p256")
    bag = []
    for number in range(30):
        holder = middle(f"Step {number}", holder, "p256")
        bag.append(holder.certificate)
    leaf = issue("Leaf", holder, kind="p256")
    outcome, _, seconds = _judge(leaf.certificate, bag, TrustStore(signers=(top.certificate,)))
    assert outcome is not Outcome.PASSED
    assert seconds < SECONDS


def test_the_search_visits_the_shortest_path_first() -> None:
    top = root()
    issuing = middle("Issuing", top)
    detour = issue("Issuing", middle("Detour", top), key=issuing.key, authority=True, usage=CERTIFYING)
    leaf = issue("Leaf", issuing)
    pool = [Link.of(one.certificate) for one in (detour, issuing)]
    first = next(iter(Search(Link.of(leaf.certificate), [Link.of(top.certificate)], pool)))
    assert [link.der for link in first.links] == [top.certificate, issuing.certificate, leaf.certificate]


@pytest.mark.parametrize("distinct", [1, 250])
def test_a_thousand_certificates_in_a_document(distinct: int) -> None:
    """All of one name, each its own issuer: in the signed data of a PDF, with an honest signer and one of theirs."""
    top = root(kind="p256")
    honest = issue("Insurer", top, kind="p256")
    clones = [issue("Clone", kind="p256", authority=True, usage=CERTIFYING) for _ in range(distinct)]
    theirs = issue("Insurer", clones[0], kind="p256")
    trust = TrustStore(signers=(top.certificate,), crls=(revocation_list(top),))
    bag = tuple(clones * (1000 // distinct))
    for signer, outcome in ((honest, Outcome.PASSED), (theirs, Outcome.INDETERMINATE)):
        pdf = Pdf()
        pdf.room = 2_000_000
        pdf.sign(partial(make_cms, holder=signer, others=bag))
        began = time.perf_counter()
        report = verify_document(pdf.data, trust=trust, at=AT)
        assert report.outcome is outcome
        assert time.perf_counter() - began < SECONDS
