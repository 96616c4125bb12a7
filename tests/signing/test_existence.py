"""Evidence of the caller's own that a document existed: used as a time-stamp on the whole would be, and never instead
of a check that time plays no part in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sealing as s
import xml_maker as m
from pdf_maker import Pdf

from schemas.verification import Outcome, Report
from signing import verify_document
from signing.sm2 import sm3
from signing.trust import TrustStore

TRUST = TrustStore(
    signers=(s.ROOT.certificate,),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
)
CLAIMED = datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC)
KNOWN = CLAIMED + timedelta(days=3)
CONTENT = b'{"premium": "12800.00"}'
Make = Callable[[s.Holder], tuple[bytes, bytes | None]]


def seal_of(signer: s.Holder) -> s.SealSignature:
    return s.SealSignature(s.SealPlan(signers=(signer,), end="20260601000000Z"), signer=signer)


def plain_of(signer: s.Holder) -> s.PlainSignature:
    return s.PlainSignature(signer=signer)


def pdf(build: Callable[[bytes], bytes]) -> bytes:
    made = Pdf()
    made.sign(build, more=b"")
    return made.data


MAKERS: dict[str, Make] = {
    "ofd": lambda signer: (s.package(s.sealed(s.Signing(seal_of(signer)))), None),
    "ofd-plain": lambda signer: (s.package(s.sealed(s.Signing(plain_of(signer)))), None),
    "pdf": lambda signer: (pdf(plain_of(signer).build), None),
    "pdf-seal": lambda signer: (pdf(lambda content: seal_of(signer).build(content, "")), None),
    "cms": lambda signer: (CONTENT, plain_of(signer).build(CONTENT)),
    "ses": lambda signer: (CONTENT, seal_of(signer).build(CONTENT, "")),
}
BRIEF = replace(s.SIGNER, serial=0x1201, end="260501000000Z")
NOW = datetime(2026, 5, 31, tzinfo=UTC)


def judge(made: tuple[bytes, bytes | None], existed_at: datetime | None = None, **more: Any) -> Report:
    document, detached = made
    given = {"trust": TRUST, "at": NOW, **more}
    return verify_document(document, detached=detached, existed_at=existed_at, **given)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_certificate_that_has_expired_since_was_good_then(kind: str) -> None:
    made = MAKERS[kind](BRIEF)
    lists = TrustStore(
        signers=TRUST.signers,
        seal_makers=TRUST.seal_makers,
        crls=(*s.LISTS[1:], s.revocation_list(s.ROOT)),
    )
    assert judge(made, trust=lists).outcome is not Outcome.PASSED
    report = judge(made, KNOWN, trust=lists)
    assert report.failing() == ()
    assert report.basis == {"trust": lists.digest, "existed_at": "2026-03-04T02:03:04Z"}
    (seal,) = report.seals
    assert (seal.time_proof, seal.signed_at) == ("evidence", KNOWN)
    late = judge(made, datetime(2026, 5, 20, tzinfo=UTC), trust=lists)
    assert late.outcome is Outcome.FAILED, "it existed when the certificate had expired: that proves nothing good"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_certificate_revoked_since_was_good_then(kind: str) -> None:
    made = MAKERS[kind](s.REVOKED_AFTER)
    assert judge(made).failing() == ("certificate.revocation",)
    assert judge(made, KNOWN).failing() == ()
    late = judge(made, datetime(2026, 4, 2, tzinfo=UTC))
    assert (late.outcome, late.failing()) == (Outcome.FAILED, ("certificate.revocation",))
    before = judge(MAKERS[kind](s.REVOKED_BEFORE), KNOWN)
    assert (before.outcome, before.failing()) == (Outcome.FAILED, ("certificate.revocation",))


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_said_to_have_existed_before_it_was_signed_is_refused(kind: str) -> None:
    report = judge(MAKERS[kind](s.SIGNER), CLAIMED - timedelta(days=1))
    assert (report.outcome, report.failing()) == (Outcome.FAILED, ("timestamp.agrees",))


def test_it_makes_nothing_good_but_time() -> None:
    document = s.package(s.sealed())
    changed = s.package({**s.sealed(), "Doc_0/Pages/Page_0/Content.xml": s.page("保险费合计：92,800.00 元")})
    assert judge((document, None), KNOWN).outcome is Outcome.PASSED
    for made in ((changed, None), (s.package(s.content()), None), (CONTENT, plain_of(s.SIGNER).build(b"other"))):
        assert judge(made, KNOWN).failing() == judge(made).failing() != ()
    nobody = TrustStore(seal_makers=TRUST.seal_makers, crls=s.LISTS)
    assert judge((document, None), KNOWN, trust=nobody).outcome is Outcome.INDETERMINATE


def test_of_a_time_stamp_and_evidence_the_earlier_one_counts() -> None:
    stamped = s.SealSignature(token=lambda value: s.time_stamp(sm3(value)))
    document = s.package(s.sealed(s.Signing(stamped)))
    moment = datetime(2026, 3, 1, 2, 3, 5, tzinfo=UTC)
    (seal,) = judge((document, None), KNOWN).seals
    assert (seal.time_proof, seal.signed_at) == ("timestamp", moment)
    (seal,) = judge((document, None), moment - timedelta(seconds=1)).seals
    assert (seal.time_proof, seal.signed_at) == ("evidence", CLAIMED)


def test_a_time_stamp_whose_authority_has_expired_since_is_vouched_for() -> None:
    gone = replace(s.TSA, serial=0x3009, end="260501000000Z")
    stamped = s.SealSignature(token=lambda value: s.time_stamp(sm3(value), gone))
    document = s.package(s.sealed(s.Signing(stamped)))
    assert judge((document, None)).seals[0].time_proof == "claimed"
    (seal,) = judge((document, None), KNOWN).seals
    assert (seal.time_proof, seal.signed_at) == ("timestamp", datetime(2026, 3, 1, 2, 3, 5, tzinfo=UTC))


def test_xml_is_judged_so_too() -> None:
    lists = TrustStore(xml=(m.ROOT.certificate,), crls=(m.CRL,))
    document = m.enveloped()
    report = verify_document(document, trust=lists, at=s.AT, existed_at=s.AT - timedelta(days=1))
    assert report.failing() == ()
    assert (report.seals[0].time_proof, report.seals[0].signed_at) == ("evidence", s.AT - timedelta(days=1))


@pytest.mark.parametrize("moment", [datetime(2026, 3, 4), NOW + timedelta(seconds=1)])  # noqa: DTZ001
def test_a_moment_is_aware_and_past(moment: datetime) -> None:
    with pytest.raises(ValueError, match="existed_at"):
        judge((s.package(s.sealed()), None), moment)
