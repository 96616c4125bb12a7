"""What must hold of the judge for any bytes at all: a verdict or `Unreadable`, in time, and no pass for what was not
sealed.

A target takes bytes and returns nothing; whatever it raises is a finding. One for each container, and one for each
kind of data that a container carries.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache

import fuzz_seeds as seeds
from fuzz_seeds import CONTENT, PARTS, m, s

from schemas.verification import Outcome, Report
from signing import TrustStore, Unreadable, verify_certificate, verify_document, verify_timestamp
from signing.checks.certificate import check_chain
from signing.containers.ofd import open_archive
from signing.containers.xmldsig import signed_content
from signing.sm2 import sm3
from signing.trust import Policy, Purpose

TRUST = TrustStore(
    signers=(s.ROOT.certificate, s.RSA_ROOT.certificate),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
    policy=Policy(allow_v5=True, allow_rsa_seals=True),
)
COVERED = s.content()


def judge(document: bytes, detached: bytes | None = None) -> Report | None:
    """The report; None where there is nothing to judge."""
    with suppress(Unreadable):
        return verify_document(document, trust=TRUST, at=s.AT, detached=detached)
    return None


def passes(document: bytes, detached: bytes | None = None) -> bool:
    report = judge(document, detached)
    return report is not None and report.outcome is Outcome.PASSED


def ofd(data: bytes) -> None:
    """A package that passes shows what one of the vectors that pass shows."""
    if not passes(data):
        return
    archive = open_archive(data)
    shown = {name: archive.read(name) for name in archive.names if "/Signs/" not in name}
    assert shown in _honest_packages(), "a package passes that nobody sealed"


@cache
def _honest_packages() -> list[dict[str, bytes]]:
    archives = [open_archive(seed) for seed in seeds.of("ofd") if passes(seed)]
    return [{name: one.read(name) for name in one.names if "/Signs/" not in name} for one in archives]


def ofd_part(data: bytes) -> None:
    """One part of a sealed package is exchanged, and the archive written anew: no checksum hides what the seals see."""
    names = list(PARTS)
    name = names[data[0] % len(names)] if data else names[0]
    document = s.package({**PARTS, name: data[1:]})
    if passes(document):
        archive = open_archive(document)
        assert {part: archive.read(part) for part in COVERED} == COVERED, f"{name} was exchanged"


def pdf(data: bytes) -> None:
    """A file that passes is one of the vectors, but for the case of the digits of its values."""
    if passes(data):
        assert data.lower() in _honest_pdfs(), "a PDF passes that nobody sealed"


@cache
def _honest_pdfs() -> frozenset[bytes]:
    return frozenset(seed.lower() for seed in seeds.of("pdf") if passes(seed))


def cms(data: bytes) -> None:
    """A value that passes over some bytes passes over no others."""
    _one_content(data)


def ses(data: bytes) -> None:
    """As for SignedData; a seal signature says of itself what it is over, and so never passes without."""
    _one_content(data)
    assert not passes(data), "a seal signature passes without its content"


def _one_content(data: bytes) -> None:
    assert not (passes(CONTENT + b"!", data)), "a value passes over another content"
    passes(CONTENT, data)
    judge(data)


def seal(data: bytes) -> None:
    """A stand-alone seal is on nothing, whatever it says."""
    assert not passes(data), "a seal passes that is on nothing"


def xml(data: bytes) -> None:
    """What passes gives what was signed, octet for octet."""
    try:
        report = verify_document(data, trust=m.TRUST, at=s.AT)
    except Unreadable:
        return
    if report.outcome is Outcome.PASSED:
        assert all(signed_content(data, one) in _XMLS for one in report.seals), "an XML passes that nobody signed"


def _contents(document: bytes) -> Iterator[object]:
    for report in verify_document(document, trust=m.TRUST, at=s.AT).seals:
        yield signed_content(document, report)


_XMLS = [content for document in seeds.SIGNED_XML for content in _contents(document)]


def timestamp(data: bytes) -> None:
    """A token that passes is over these octets and no others."""
    found = verify_timestamp(data, imprint=sm3(CONTENT + b"!"), trust=TRUST, at=s.AT)
    assert found.outcome is not Outcome.PASSED, "a token passes over another digest"
    verify_timestamp(data, imprint=sm3(CONTENT), trust=TRUST, at=s.AT)


def certificate(data: bytes) -> None:
    """A certificate that is trusted is one that the authorities of this world signed, octet by octet."""
    for purpose in (Purpose.document_signing, Purpose.seal_making, Purpose.timestamping):
        report = verify_certificate(data, intermediates=[data], trust=TRUST, at=s.AT, purpose=purpose)
        assert report.outcome is not Outcome.PASSED or data in _TRUSTED, "a certificate is trusted that nobody issued"


_TRUSTED = {holder.certificate for holder in (s.SIGNER, s.RSA_SIGNER, s.OTHER, s.TSA, s.MAKER, s.RSA_MAKER)}
_TRUSTED |= {holder.certificate for holder in (s.ROOT, s.RSA_ROOT, s.MAKER_ROOT, s.TSA_ROOT)}


def revocation(data: bytes) -> None:
    """No list and no response that a stranger sends makes good what is revoked."""
    checks = check_chain(
        s.REVOKED_BEFORE.certificate,
        trust=TRUST,
        at=s.AT,
        purpose=Purpose.document_signing,
        crls=[data],
        ocsp=[data],
    )
    found = next(check for check in checks if check.rule == "certificate.revocation")
    assert found.outcome is not Outcome.PASSED, "a stranger's data make a revoked certificate good"


READY: dict[str, Callable[[], object]] = {"ofd": _honest_packages, "pdf": _honest_pdfs}
"""What a target needs to know before its first input, which takes a while."""
TARGETS: dict[str, Callable[[bytes], None]] = {
    "ofd": ofd,
    "ofd-part": ofd_part,
    "pdf": pdf,
    "cms": cms,
    "ses": ses,
    "seal": seal,
    "xml": xml,
    "timestamp": timestamp,
    "certificate": certificate,
    "revocation": revocation,
}
