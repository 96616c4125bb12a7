"""One byte changed in a sealed document that passed: it passes no more, or it still says the same in each respect.

Some bytes are under no signature and mean nothing: the case of hexadecimal digits, the version of a SignedData, dates
of an archive. Whoever changes them changes neither what is covered nor who signed it, nor when.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import sealing as s
import xml_maker as m
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pdf_maker import Pdf

from schemas.verification import Outcome, Report
from signing import Unreadable, verify_document
from signing.containers.ofd import open_archive
from signing.containers.xmldsig import signed_content
from signing.sm2 import sm3
from signing.trust import Policy, TrustStore

CONTENT = b'{"policy_no": "PNB0001", "premium": "12800.00"}'
TRUST = TrustStore(
    signers=(s.ROOT.certificate, s.RSA_ROOT.certificate),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    xml=(m.ROOT.certificate,),
    crls=(*s.LISTS, m.CRL),
    policy=Policy(allow_v5=True, allow_rsa_seals=True),
)
CLAIMED = (datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC), "claimed")
V1 = s.SealPlan(family="v1", version=1)


@dataclass(frozen=True)
class Sealed:
    """What is judged, and what of it a reader takes for signed; `detached` is the signature in a file of its own."""

    document: bytes
    content: Callable[[bytes, Report], object]
    detached: bytes | None = None


def stamp(value: bytes) -> bytes:
    return s.time_stamp(sm3(value))


def ofd(value: s.SealSignature | s.PlainSignature) -> Sealed:
    return Sealed(s.package(s.sealed(s.Signing(value))), shown)


def shown(document: bytes, _: Report) -> object:
    """Every part of a package but its signatures, by name."""
    archive = open_archive(document)
    return {name: archive.read(name) for name in archive.names if "/Signs/" not in name}


def pdf(*makes: Callable[[bytes], bytes], stamped: bool = False) -> Sealed:
    made = Pdf()
    for make in makes:
        made.sign(make, more=b"")
    if stamped:
        made.sign(stamp, sub_filter="ETSI.RFC3161", kind="DocTimeStamp", more=b"")
    return Sealed(made.data, lambda document, _: document.lower())


def xml(document: bytes) -> Sealed:
    return Sealed(document, lambda changed, report: [signed_content(changed, seal) for seal in report.seals])


def detached(value: bytes) -> Sealed:
    return Sealed(CONTENT, lambda document, _: document, value)


def seal_in(plan: s.SealPlan, **more: Any) -> Callable[[bytes], bytes]:
    return lambda content: s.SealSignature(plan, property_info="x", **more).build(content, "")


MAKERS: dict[str, Callable[[], Sealed]] = {
    "ofd seal": lambda: ofd(s.SealSignature()),
    "ofd seal, stamped": lambda: ofd(s.SealSignature(token=stamp)),
    "ofd seal of 2014": lambda: ofd(s.SealSignature(V1)),
    "ofd signature": lambda: ofd(s.PlainSignature()),
    "pdf": lambda: pdf(s.PlainSignature().build),
    "pdf of two algorithms": lambda: pdf(s.PlainSignature(signer=s.RSA_SIGNER).build, s.PlainSignature().build),
    "pdf, stamped": lambda: pdf(s.PlainSignature(token=stamp).build, stamped=True),
    "pdf seal": lambda: pdf(seal_in(s.SealPlan())),
    "cms": lambda: detached(s.PlainSignature(token=stamp).build(CONTENT)),
    "cms without attributes": lambda: detached(s.PlainSignature(attributes=False).build(CONTENT)),
    "cms of RSA": lambda: detached(s.PlainSignature(signer=s.RSA_SIGNER).build(CONTENT)),
    "ses": lambda: detached(seal_in(s.SealPlan(), token=stamp)(CONTENT)),
    "ses of 2014": lambda: detached(seal_in(V1)(CONTENT)),
    "ses of 2025": lambda: detached(seal_in(s.SealPlan(version=5, token=stamp))(CONTENT)),
    "xml": lambda: xml(m.enveloped()),
    "xml, inclusive": lambda: xml(m.enveloped(steps=(m.ENVELOPED, m.INCLUSIVE))),
}


def judge(document: bytes, signature: bytes | None) -> Report | None:
    try:
        return verify_document(document, trust=TRUST, at=s.AT, detached=signature)
    except Unreadable:
        return None


def said(sealed: Sealed, document: bytes, report: Report) -> tuple[object, ...]:
    """What is covered, by whom, and under which seal."""
    who = [(one.signer, one.seal, one.coverage, one.algorithm) for one in report.seals]
    return sealed.content(document, report), who


def moments(report: Report) -> list[object]:
    """When it was signed, and what proves that."""
    return [(one.signed_at, one.time_proof) for one in report.seals]


@cache
def honest(kind: str) -> tuple[Sealed, tuple[object, ...], list[object]]:
    sealed = MAKERS[kind]()
    report = judge(sealed.document, sealed.detached)
    assert report is not None
    assert report.failing() == (), kind
    return sealed, said(sealed, sealed.document, report), moments(report)


def changed(octets: bytes, place: int, change: int) -> bytes:
    return octets[:place] + bytes((octets[place] ^ change,)) + octets[place + 1 :]


def assert_not_another(kind: str, document: bytes, signature: bytes | None) -> None:
    sealed, before, when = honest(kind)
    report = judge(document, signature)
    if report is not None and report.outcome is Outcome.PASSED:
        assert said(sealed, document, report) == before
        for moment, proven in zip(moments(report), when, strict=True):
            assert moment in (proven, CLAIMED)  # a time-stamp that is an unsigned attribute can be taken out


@pytest.mark.parametrize("kind", MAKERS)
def test_one_changed_byte_changes_nothing_that_is_said(kind: str) -> None:
    """Each kind at places of its own, the same ones in each run."""
    sealed = honest(kind)[0]
    chosen = random.Random(kind)
    octets = sealed.detached or sealed.document
    for _ in range(60):
        other = changed(octets, chosen.randrange(len(octets)), chosen.randrange(1, 256))
        assert_not_another(kind, *((sealed.document, other) if sealed.detached else (other, None)))
    if sealed.detached:
        for place in range(len(CONTENT)):
            report = judge(changed(CONTENT, place, chosen.randrange(1, 256)), sealed.detached)
            assert report is not None
            assert report.outcome is Outcome.FAILED


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(MAKERS)), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
@example("cms", 0.999999, 1)
@example("ses", 0.0, 0x80)
def test_nor_at_any_other_place(kind: str, where: float, change: int) -> None:
    sealed = honest(kind)[0]
    octets = sealed.detached or sealed.document
    other = changed(octets, int(where * len(octets)), change)
    assert_not_another(kind, *((sealed.document, other) if sealed.detached else (other, None)))
