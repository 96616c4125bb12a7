"""Archived PDFs (PAdES-LTA): what later time-stamps prove of earlier ones, and what they do not."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from authority import Holder, issue, revocation_list, root
from pdf_maker import SIGNED_AT, Pdf, make_cms, make_token

from schemas.verification import Outcome, SealReport, Severity
from signing.containers.pdf import judge
from signing.trust import TrustStore

AT = datetime(2033, 6, 1, tzinfo=UTC)
FIRST, SECOND, THIRD = (SIGNED_AT + timedelta(days=days) for days in (1, 700, 1800))
GONE = SIGNED_AT + timedelta(days=800)  # the last day of the first authority, and of the signer
LATER = SIGNED_AT + timedelta(days=1900)  # that of the second one


@cache
def tops() -> tuple[Holder, ...]:
    return tuple(root(name, kind="p256") for name in ("Root of Trust", "Root of Time 1", "Root of Time 2", "New Time"))


def stamper(number: int, end: datetime) -> Holder:
    more: dict[str, Any] = {"extended": ["time_stamping"], "extended_critical": True}
    return issue(f"Stamps {number}", tops()[number], kind="p256", end=end, **more)


@cache
def stampers() -> tuple[Holder, Holder, Holder]:
    return stamper(1, GONE), stamper(2, LATER), stamper(3, AT + timedelta(days=900))


@cache
def insurer() -> Holder:
    return issue("Insurer", tops()[0], kind="p256", end=GONE)


def lists(*revoked: tuple[Holder, datetime, str]) -> tuple[bytes, ...]:
    """What each authority said on the last day of the certificate that it had issued, and the newest said today."""
    ends = (GONE, GONE, LATER, AT)
    return tuple(
        revocation_list(
            top,
            *(entry for entry in revoked if entry[0].issuer is top),
            this=end - timedelta(days=1),
            following=end + timedelta(days=9),
        )
        for top, end in zip(tops(), ends, strict=True)
    )


def store(*revoked: tuple[Holder, datetime, str], tsa: tuple[int, ...] = (1, 2, 3)) -> TrustStore:
    return TrustStore(
        signers=(tops()[0].certificate,),
        tsa=tuple(tops()[number].certificate for number in tsa),
        crls=lists(*revoked),
    )


def archive(*stamps: tuple[Holder, datetime]) -> Pdf:
    pdf = Pdf()
    pdf.sign(lambda content: make_cms(content, insurer()))
    for holder, moment in stamps:
        stamp(pdf, holder, moment)
    return pdf


def stamp(pdf: Pdf, holder: Holder, moment: datetime) -> None:
    def make(content: bytes) -> bytes:
        return make_token(content, holder, moment)

    pdf.sign(make, sub_filter="ETSI.RFC3161", kind="DocTimeStamp", more=b"")


def verdict(pdf: Pdf, trust: TrustStore, at: datetime = AT) -> tuple[SealReport, dict[str, str | None]]:
    checks, (seal,) = judge(pdf.data, trust=trust, at=at)
    found = {
        check.rule: check.reason
        for check in (*checks, *seal.checks)
        if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
    }
    return seal, found


EXPIRED = {"certificate.period": "expired-without-time-proof"}


def test_an_archive_outlives_the_certificates_of_its_first_authorities() -> None:
    first, second, third = stampers()
    whole = archive((first, FIRST), (second, SECOND), (third, THIRD))
    seal, found = verdict(whole, store())
    assert found == {}
    assert (seal.trust, seal.time_proof, seal.signed_at) == ("trusted", "timestamp", FIRST)


@pytest.mark.parametrize("stamps", [(1,), (1, 2), (2,)])
def test_without_a_time_stamp_that_is_good_today_nothing_is_proven(stamps: tuple[int, ...]) -> None:
    moments = {1: FIRST, 2: SECOND}
    pdf = archive(*((stampers()[number - 1], moments[number]) for number in stamps))
    seal, found = verdict(pdf, store())
    assert found.items() >= EXPIRED.items()
    assert (seal.trust, seal.time_proof) == ("indeterminate", "claimed")


def test_a_time_stamp_that_came_too_late_proves_only_its_own_moment() -> None:
    """The chain is broken where an authority had expired before the next one stamped."""
    first, _, third = stampers()
    seal, found = verdict(archive((first, FIRST), (third, THIRD)), store())
    assert found == {"certificate.period": "signed-after-expiry"}
    assert (seal.time_proof, seal.signed_at) == ("timestamp", THIRD)


def test_a_later_time_stamp_that_nobody_trusts_vouches_for_nothing() -> None:
    first, second, third = stampers()
    whole = archive((first, FIRST), (second, SECOND), (third, THIRD))
    for tsa in ((1, 2), (1,), ()):
        seal, found = verdict(whole, store(tsa=tsa))
        assert found.items() >= EXPIRED.items()
        assert (seal.trust, seal.time_proof) == ("indeterminate", "claimed")
    seal, _ = verdict(whole, store(tsa=(2, 3)))
    assert seal.signed_at == SECOND, "of the first one nothing is known: the second one is the earliest proof"


@pytest.mark.parametrize(
    ("when", "why", "moment"),
    [
        (SECOND + timedelta(days=10), "cessation_of_operation", FIRST),  # after the second stamp, for no compromise
        (SECOND + timedelta(days=10), "key_compromise", SECOND),
        (SECOND - timedelta(days=10), "cessation_of_operation", SECOND),
    ],
)
def test_a_revoked_authority_is_believed_only_if_revoked_afterwards_for_no_compromise(
    when: datetime, why: str, moment: datetime
) -> None:
    first, second, third = stampers()
    whole = archive((first, FIRST), (second, SECOND), (third, THIRD))
    seal, found = verdict(whole, store((first, when, why)))
    assert found == {}
    assert seal.signed_at == moment


def test_a_compromised_authority_proves_nothing_although_others_vouch_for_its_token() -> None:
    first, _, third = stampers()
    whole = archive((first, FIRST), (third, SECOND))
    compromised = store((first, SECOND + timedelta(days=10), "key_compromise"))
    assert verdict(whole, compromised)[0].signed_at == SECOND
    alone = archive((first, FIRST))
    soon = SIGNED_AT + timedelta(days=30)
    fresh = tuple(
        revocation_list(
            top,
            *(((first, FIRST + timedelta(days=2), "key_compromise"),) if top is first.issuer else ()),
            this=soon - timedelta(days=1),
            following=soon + timedelta(days=9),
        )
        for top in tops()
    )
    trust = TrustStore(signers=(tops()[0].certificate,), tsa=(tops()[1].certificate,), crls=fresh)
    seal, found = verdict(alone, trust, at=soon)
    assert found == {}
    assert seal.time_proof == "claimed"


def test_a_time_stamp_proves_only_what_stands_before_it() -> None:
    """A table written last says that the oldest object, a time-stamp, is the newest one."""
    _, _, third = stampers()
    pdf = Pdf()
    stamp(pdf, third, FIRST)
    number = pdf.fields[0] + 1
    place = pdf.data.index(b"\n%d 0 obj" % number) + 1
    pdf.sign(lambda content: make_cms(content, insurer(), signed_at=FIRST - timedelta(hours=1)))
    listed = b"<< /Length 4 >>\nstream\njunk\nendstream"
    pdf.catalog = b"/DSS << /CRLs [50 0 R] >>"
    places = {number: place}
    for added, body in ((50, listed), (1, pdf.root())):
        places[added] = len(pdf.data)
        pdf.data += b"%d 0 obj\n%s\nendobj\n" % (added, body)
    pdf.point(places)
    seal, found = verdict(pdf, store())
    assert seal.time_proof == "claimed"
    assert found.items() >= EXPIRED.items()


def archived(of: Pdf, *lists: bytes) -> Pdf:
    """The archive with these lists in its security store."""
    streams = {50 + n: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(der), der) for n, der in enumerate(lists)}
    of.catalog = b"/DSS << /CRLs [%s] >>" % b" ".join(b"%d 0 R" % number for number in streams)
    of.revise(streams)
    return of


def listed(top: Holder, issued: datetime, *revoked: tuple[Holder, datetime, str]) -> bytes:
    """A list as busy authorities issue them: for a week."""
    return revocation_list(top, *revoked, this=issued, following=issued + timedelta(days=7))


ONLY_ANCHORS = TrustStore(signers=(tops()[0].certificate,), tsa=tuple(top.certificate for top in tops()[1:]))


@pytest.mark.parametrize(
    ("issued", "good"),
    [
        (FIRST - timedelta(days=2), True),  # current when the time-stamp was given
        (FIRST + timedelta(days=2), True),  # issued since
        (FIRST - timedelta(days=8), False),
        (GONE + timedelta(days=1), False),  # an authority may drop what has expired
    ],
)
def test_the_lists_of_an_archive_do_after_expiry(issued: datetime, good: bool) -> None:
    third = stampers()[2]
    pdf = archive((third, FIRST))
    whole = archived(pdf, listed(tops()[0], issued), listed(tops()[3], AT - timedelta(days=1)))
    seal, found = verdict(whole, ONLY_ANCHORS)
    assert found == ({} if good else {"certificate.revocation": "revocation-unusable"})
    assert (seal.time_proof, seal.signed_at) == ("timestamp", FIRST)


@pytest.mark.parametrize(
    ("when", "why", "stated", "reason"),
    [
        (FIRST - timedelta(days=1), "superseded", FIRST + timedelta(days=9), "revoked"),
        (FIRST + timedelta(days=1), "superseded", FIRST + timedelta(days=9), None),
        (FIRST + timedelta(days=1), "key_compromise", FIRST + timedelta(days=9), "revoked"),
        (FIRST + timedelta(days=1), "key_compromise", AT - timedelta(days=1), "revoked"),
    ],
)
def test_a_revocation_counts_whenever_it_was_stated(
    when: datetime, why: str, stated: datetime, reason: str | None
) -> None:
    third = stampers()[2]
    lists = (
        listed(tops()[0], FIRST - timedelta(days=2)),
        listed(tops()[0], stated, (insurer(), when, why)),
        listed(tops()[3], AT - timedelta(days=1)),
    )
    _, found = verdict(archived(archive((third, FIRST)), *lists), ONLY_ANCHORS)
    assert found == ({} if reason is None else {"certificate.revocation": reason})


def test_before_expiry_an_archive_is_not_enough() -> None:
    third = stampers()[2]
    lists = (listed(tops()[0], FIRST), listed(tops()[3], GONE - timedelta(days=3)))
    _, found = verdict(archived(archive((third, FIRST)), *lists), ONLY_ANCHORS, at=GONE - timedelta(days=2))
    assert found == {"certificate.revocation": "revocation-unusable"}
