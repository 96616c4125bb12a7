"""Revocation data: what a response or a list may say, and what a stranger cannot make it say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import core, crl, x509
from authority import AT, Holder, issue, make_key, middle, ocsp_response, revocation_list, root
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.verification import Outcome
from signing.checks.certificate import check_chain
from signing.checks.paths import Link
from signing.revocation import BadRevocationData, parse_crl, parse_ocsp
from signing.trust import Policy, Purpose, TrustStore

EARLIER = datetime(2026, 2, 1, tzinfo=UTC)


def revocation_of(
    leaf: Holder,
    trust: TrustStore,
    *,
    bag: tuple[bytes, ...] = (),
    crls: tuple[bytes, ...] = (),
    ocsp: tuple[bytes, ...] = (),
) -> tuple[Outcome, str | None]:
    checks = check_chain(
        leaf.certificate, intermediates=bag, trust=trust, at=AT, purpose=Purpose.any, crls=crls, ocsp=ocsp
    )
    found = next(check for check in checks if check.rule == "certificate.revocation")
    return found.outcome, found.reason


def world(kind: str = "p256") -> tuple[Holder, Holder, TrustStore]:
    top = root(kind=kind)
    return top, issue("Insurer", top, kind=kind), TrustStore(signers=(top.certificate,))


@pytest.mark.parametrize("kind", ["p256", "sm2"])
def test_a_response_of_the_issuer_decides(kind: str) -> None:
    top, leaf, trust = world(kind)
    assert revocation_of(leaf, trust) == (Outcome.INDETERMINATE, "revocation-unknown")
    assert revocation_of(leaf, trust, ocsp=(ocsp_response(top, leaf),)) == (Outcome.PASSED, None)
    gone = ocsp_response(top, leaf, revoked=(EARLIER, "superseded"))
    assert revocation_of(leaf, trust, ocsp=(gone,)) == (Outcome.FAILED, "revoked")


def test_an_older_good_answer_does_not_undo_a_newer_revocation() -> None:
    """Both are current: what a stranger sends along was true before the certificate was revoked."""
    top, leaf, trust = world()
    gone, older, newer = (AT - timedelta(hours=12), "superseded"), AT - timedelta(days=1), AT - timedelta(hours=1)
    end = AT + timedelta(days=6)
    good = {
        "ocsp": (ocsp_response(top, leaf, this=older, following=end),),
        "crls": (revocation_list(top, this=older, following=end),),
    }
    revoked = {
        "ocsps": (ocsp_response(top, leaf, revoked=gone, this=newer, following=end),),
        "crls": (revocation_list(top, (leaf, *gone), this=newer, following=end),),
    }
    for sent in good:
        assert revocation_of(leaf, trust, **{sent: good[sent]}) == (Outcome.PASSED, None)
        for own in revoked:
            knowing = replace(trust, **{own: revoked[own]})
            assert revocation_of(leaf, knowing, **{sent: good[sent]}) == (Outcome.FAILED, "revoked"), (sent, own)


def test_a_response_has_its_time() -> None:
    top, leaf, trust = world()
    stale = ocsp_response(top, leaf, this=AT - timedelta(days=9), following=AT - timedelta(days=8))
    later = ocsp_response(top, leaf, this=AT + timedelta(days=1), following=AT + timedelta(days=2))
    for response in (stale, later):
        assert revocation_of(leaf, trust, ocsp=(response,)) == (Outcome.INDETERMINATE, "revocation-unusable")


def test_a_delegated_responder_is_certified_for_it() -> None:
    top, leaf, trust = world()
    delegate = issue("Responder", top, kind="p256", extended=["ocsp_signing"])
    lists = (revocation_list(top),)
    own = ocsp_response(top, leaf, responder=delegate)
    assert revocation_of(leaf, trust, ocsp=(own,), crls=lists) == (Outcome.PASSED, None)
    stranger = issue("Responder", top, kind="p256")
    assert revocation_of(leaf, trust, ocsp=(ocsp_response(top, leaf, responder=stranger),))[0] is Outcome.INDETERMINATE


def test_a_responder_that_copies_serial_and_signature_of_the_issuer_is_not_the_issuer() -> None:
    """The library compares serial number and signature octets alone, so that the key inside could be anybody's."""
    top, leaf, trust = world()
    thief = Holder(b"", make_key("p256", "thief"), top.subject)
    copied = x509.Certificate.load(top.certificate).copy()
    copied["tbs_certificate"]["subject_public_key_info"] = x509.PublicKeyInfo.load(thief.key.spki)
    forged = ocsp_response(top, leaf, responder=thief, named=copied.dump())
    assert revocation_of(leaf, trust, ocsp=(forged,)) == (Outcome.INDETERMINATE, "revocation-unknown")
    lists = (revocation_list(top, (leaf, EARLIER, "superseded")),)
    assert revocation_of(leaf, trust, ocsp=(forged,), crls=lists) == (Outcome.FAILED, "revoked")


def test_a_forged_indirect_list_is_not_believed() -> None:
    """The library takes the issuer of an indirect list for known once it met its name in a recursion."""
    top = root(kind="p256")
    issuing = middle("Issuing Authority", top, "p256")
    leaf = issue("Insurer", issuing, kind="p256")
    trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=(revocation_list(top),))
    found = crl.CertificateList.load(revocation_list(issuing))
    point = {
        "extn_id": "issuing_distribution_point",
        "critical": True,
        "extn_value": crl.IssuingDistributionPoint({"indirect_crl": True}),
    }
    extensions = [*found["tbs_cert_list"]["crl_extensions"], point]
    signed = crl.TbsCertList({**_fields(found["tbs_cert_list"]), "crl_extensions": extensions})
    for key, outcome in ((issuing.key, Outcome.PASSED), (make_key("p256", "thief"), Outcome.INDETERMINATE)):
        value = crl.CertificateList(
            {
                "tbs_cert_list": signed,
                "signature_algorithm": found["signature_algorithm"],
                "signature": key.sign(signed.dump()),
            }
        ).dump()
        assert revocation_of(leaf, trust, crls=(value,))[0] is outcome


def _fields(value: crl.TbsCertList) -> dict[str, object]:
    names = ("version", "signature", "issuer", "this_update", "next_update")
    return {name: value[name] for name in names}


def test_a_list_by_a_fellow_subscriber_is_not_one_of_the_authority() -> None:
    top, leaf, trust = world()
    fellow = issue("Fellow", top, kind="p256", usage=None)
    for named in (revocation_list(fellow), revocation_list(Holder(b"", fellow.key, top.subject))):
        outcome, _ = revocation_of(leaf, trust, bag=(fellow.certificate,), crls=(named,))
        assert outcome is Outcome.INDETERMINATE


def test_a_self_made_authority_of_the_same_name_signs_no_lists() -> None:
    top, leaf, trust = world()
    false = issue(
        top.subject, kind="p256", key=make_key("p256", "thief"), authority=True, usage=["crl_sign", "key_cert_sign"]
    )
    forged = revocation_list(Holder(false.certificate, false.key, top.subject))
    gone = revocation_list(top, (leaf, EARLIER, "superseded"))
    assert revocation_of(leaf, trust, bag=(false.certificate,), crls=(forged,))[0] is Outcome.INDETERMINATE
    assert revocation_of(leaf, trust, bag=(false.certificate,), crls=(forged, gone)) == (Outcome.FAILED, "revoked")


def test_a_forged_list_is_not_as_good_as_none() -> None:
    top, leaf, _ = world()
    forged = revocation_list(top, signer=make_key("p256", "thief"))
    trust = TrustStore(signers=(top.certificate,), policy=Policy(revocation="if-available"))
    assert revocation_of(leaf, trust) == (Outcome.PASSED, None)
    assert revocation_of(leaf, trust, crls=(forged,)) == (Outcome.INDETERMINATE, "revocation-unusable")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**14), st.integers(0, 255))
def test_no_change_of_a_list_unrevokes(place: int, value: int) -> None:
    changed = bytearray(REVOKING)
    changed[place % len(changed)] = value
    trust = TrustStore(signers=(TOP.certificate,))
    assert revocation_of(LEAF, trust, crls=(bytes(changed),))[0] is not Outcome.PASSED


TOP = root("Top of the Lists", kind="p256")
LEAF = issue("Revoked Insurer", TOP, kind="p256")
REVOKING = revocation_list(TOP, (LEAF, EARLIER, "superseded"))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**14), st.integers(0, 255))
def test_no_change_of_a_response_makes_it_good(place: int, value: int) -> None:
    changed = bytearray(GONE)
    changed[place % len(changed)] = value
    trust = TrustStore(signers=(TOP.certificate,))
    assert revocation_of(LEAF, trust, ocsp=(bytes(changed),))[0] is not Outcome.PASSED


GONE = ocsp_response(TOP, LEAF, revoked=(EARLIER, "superseded"))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(junk: bytes) -> None:
    for parse in (parse_crl, parse_ocsp):
        with pytest.raises(BadRevocationData):
            parse(junk)


def test_a_large_list_is_searched_once() -> None:
    """Serial numbers that are nowhere in the bytes are in no entry: the library then reads none."""
    top, leaf, _ = world()
    many = [(issue("Gone", top, kind="p256"), EARLIER, "superseded") for _ in range(3)]
    found = parse_crl(revocation_list(top, *many))
    assert found.about([Link.of(leaf.certificate)]) is found.without_entries
    assert found.about([Link.of(many[0][0].certificate)]) is found.parsed
    assert found.without_entries.dump() == found.der


NO_CHECK = {"extn_id": "ocsp_no_check", "critical": False, "extn_value": core.ParsableOctetString(core.Null().dump())}


@pytest.mark.parametrize("kind", ["sm2", "p256", "rsa"])
@pytest.mark.parametrize("digest", ["sm3", "sha256", "sha1"])
def test_an_issuer_is_named_by_each_digest(kind: str, digest: str) -> None:
    top, leaf, trust = world(kind)
    other = root("Another Root", kind=kind)
    gone = (EARLIER, "superseded")
    assert revocation_of(leaf, trust, ocsp=(ocsp_response(top, leaf, digest=digest),)) == (Outcome.PASSED, None)
    revoked = ocsp_response(top, leaf, digest=digest, revoked=gone)
    assert revocation_of(leaf, trust, ocsp=(revoked,)) == (Outcome.FAILED, "revoked")
    about_other = ocsp_response(Holder(other.certificate, top.key, top.subject), leaf, digest=digest)
    assert revocation_of(leaf, trust, ocsp=(about_other,))[0] is Outcome.INDETERMINATE


def test_a_digest_that_is_none_of_ours_names_nobody() -> None:
    top, leaf, trust = world()
    odd = ocsp_response(top, leaf, digest="md5")
    assert revocation_of(leaf, trust, ocsp=(odd,)) == (Outcome.INDETERMINATE, "revocation-unknown")
    assert revocation_of(leaf, trust, ocsp=(odd, ocsp_response(top, leaf))) == (Outcome.PASSED, None)


def test_an_answer_that_asks_for_more_than_is_understood_is_none() -> None:
    top, leaf, trust = world()
    strange = {"extn_id": "1.2.3.4", "critical": True, "extn_value": core.ParsableOctetString(b"\x05\x00")}
    odd = ocsp_response(top, leaf, more=[strange])
    assert revocation_of(leaf, trust, ocsp=(odd,)) == (Outcome.INDETERMINATE, "revocation-unknown")
    harmless = ocsp_response(top, leaf, more=[{**strange, "critical": False}])
    assert revocation_of(leaf, trust, ocsp=(harmless,)) == (Outcome.PASSED, None)


@pytest.mark.parametrize("kind", ["sm2", "p256", "rsa"])
def test_a_responder_that_nobody_need_ask_about(kind: str) -> None:
    """id-pkix-ocsp-nocheck, by a responder of each algorithm, without any list about it."""
    top, leaf, trust = world(kind)
    asked = issue("Responder", top, kind=kind, extended=["ocsp_signing"])
    free = issue("Responder", top, kind=kind, extended=["ocsp_signing"], more=[NO_CHECK])
    good = ocsp_response(top, leaf, responder=free)
    assert revocation_of(leaf, trust, ocsp=(good,)) == (Outcome.PASSED, None)
    gone = ocsp_response(top, leaf, responder=free, revoked=(EARLIER, "superseded"))
    assert revocation_of(leaf, trust, ocsp=(gone,)) == (Outcome.FAILED, "revoked")
    without = ocsp_response(top, leaf, responder=asked)
    assert revocation_of(leaf, trust, ocsp=(without,))[0] is Outcome.INDETERMINATE
    assert revocation_of(leaf, trust, ocsp=(without,), crls=(revocation_list(top),)) == (Outcome.PASSED, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"extended": []},
        {"extended": ["email_protection"]},
        {"start": AT + timedelta(days=1)},
        {"end": AT - timedelta(days=1)},
        {"signer": make_key("sm2", "thief")},
        {"authority": True},
    ],
)
def test_a_responder_must_be_one_all_the_same(changes: dict[str, Any]) -> None:
    top, leaf, trust = world("sm2")
    given = {"extended": ["ocsp_signing"], "more": [NO_CHECK], **changes}
    stranger = issue("Responder", top, kind="sm2", **given)
    response = ocsp_response(top, leaf, responder=stranger)
    if changes != {"authority": True}:
        assert revocation_of(leaf, trust, ocsp=(response,))[0] is Outcome.INDETERMINATE
    by_other = issue("Responder", root("Another Root"), kind="sm2", extended=["ocsp_signing"], more=[NO_CHECK])
    forged = ocsp_response(top, leaf, responder=Holder(by_other.certificate, by_other.key, by_other.subject))
    assert revocation_of(leaf, trust, ocsp=(forged,))[0] is Outcome.INDETERMINATE


def test_a_certificate_does_not_excuse_itself() -> None:
    """A signer whose certificate says that nobody need ask about it is asked about all the same."""
    top, _, trust = world("sm2")
    sly = issue("Insurer", top, kind="sm2", extended=["ocsp_signing", "email_protection"], more=[NO_CHECK])
    assert revocation_of(sly, trust) == (Outcome.INDETERMINATE, "revocation-unknown")
    gone = revocation_list(top, (sly, EARLIER, "superseded"))
    assert revocation_of(sly, trust, crls=(gone,)) == (Outcome.FAILED, "revoked")
    own = ocsp_response(top, sly, responder=sly)
    assert revocation_of(sly, trust, ocsp=(own,))[0] is Outcome.INDETERMINATE
    assert revocation_of(sly, trust, ocsp=(own,), crls=(gone,)) == (Outcome.FAILED, "revoked")


SIGNED = AT - timedelta(days=30)
CASES = [
    (None, "", True, (Outcome.PASSED, None)),  # case 1
    (SIGNED - timedelta(days=1), "superseded", True, (Outcome.FAILED, "revoked")),  # case 3
    (SIGNED, "superseded", True, (Outcome.FAILED, "revoked")),
    (SIGNED + timedelta(days=1), "superseded", True, (Outcome.PASSED, None)),  # case 4
    (SIGNED + timedelta(days=1), "superseded", False, (Outcome.INDETERMINATE, "revoked-without-time-proof")),
    (SIGNED + timedelta(days=1), "key_compromise", True, (Outcome.FAILED, "revoked")),
]


@pytest.mark.parametrize("kind", ["sm2", "p256"])
@pytest.mark.parametrize("source", ["crls", "ocsp"])
@pytest.mark.parametrize(("revoked_at", "why", "proven", "expected"), CASES)
def test_the_cases_of_gm_t_0031(
    kind: str,
    source: str,
    revoked_at: datetime | None,
    why: str,
    proven: bool,
    expected: tuple[Outcome, str | None],
) -> None:
    """Section 6.2.3, by list and by response alike; case 2 is that of the certificate's period."""
    top, leaf, trust = world(kind)
    if source == "crls":
        data = revocation_list(top, *(() if revoked_at is None else ((leaf, revoked_at, why),)))
    else:
        data = ocsp_response(top, leaf, revoked=None if revoked_at is None else (revoked_at, why))
    given: dict[str, Any] = {source: (data,)}
    checks = check_chain(
        leaf.certificate, trust=trust, at=AT, purpose=Purpose.any, signed_at=SIGNED, proven=proven, **given
    )
    found = next(check for check in checks if check.rule == "certificate.revocation")
    assert (found.outcome, found.reason) == expected
