"""Sealed PDFs: each honest kind passes, and each forgery fails by the check that is there for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import sealing as s
from asn1crypto import cms
from authority import AT, Holder, issue, make_key, middle, revocation_list, root
from pdf_maker import SIGNED_AT, Pdf, make_cms, make_token

from schemas.verification import Check, Outcome, SealReport, Severity, worst
from signing.certificate import fingerprint
from signing.containers.pdf import judge
from signing.sm2 import sm3
from signing.trust import Owner, Policy, TrustStore

Make = Callable[[bytes], bytes]


@cache
def world(kind: str = "p256") -> tuple[TrustStore, Holder, Holder]:
    """Trust, an insurer, and somebody else whom the same authority certified."""
    top = root(kind=kind)
    issuing = middle("Issuing Authority", top, kind)
    tsa_root = root("Root of Time", kind="p256")
    trust = TrustStore(
        signers=(top.certificate,),
        tsa=(tsa_root.certificate,),
        intermediates=(issuing.certificate,),
        crls=(revocation_list(top), revocation_list(issuing), revocation_list(tsa_root)),
    )
    return trust, issue("Insurer", issuing, kind=kind), issue("Somebody Else", issuing, kind=kind)


@cache
def stamper() -> Holder:
    top = root("Root of Time", kind="p256")
    return issue("Stamps", top, kind="p256", extended=["time_stamping"], extended_critical=True)


def by(holder: Holder, **more: Any) -> Make:
    return lambda content: make_cms(content, holder, **more)


def failing(checks: tuple[Check, ...]) -> dict[str, str | None]:
    return {
        check.rule: check.reason
        for check in checks
        if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
    }


def verdict(data: bytes, trust: TrustStore | None = None, at: datetime = AT) -> dict[str, str | None]:
    """All deciding checks that did not pass, of the document and of its signatures."""
    checks, seals = judge(data, trust=trust or world()[0], at=at)
    return failing((*checks, *(check for seal in seals for check in seal.checks)))


def seals_of(data: bytes, trust: TrustStore | None = None) -> tuple[SealReport, ...]:
    return judge(data, trust=trust or world()[0], at=AT)[1]


def signed(make: Make | None = None, **more: Any) -> bytes:
    pdf = Pdf()
    pdf.sign(make or by(world()[1]), **more)
    return pdf.data


@pytest.mark.parametrize("kind", ["p256", "rsa", "ed25519", "sm2"])
def test_an_honest_signature_of_each_kind_passes(kind: str) -> None:
    trust, insurer, _ = world(kind)
    more = {"digest": "sha512"} if kind == "ed25519" else {}
    data = signed(by(insurer, **more))
    assert verdict(data, trust) == {}
    (seal,) = seals_of(data, trust)
    assert (seal.integrity, seal.trust, seal.coverage) == ("passed", "trusted", "whole")
    assert (seal.id, seal.container, seal.time_proof, seal.signed_at) == ("Sig1", "pdf", "claimed", SIGNED_AT)
    assert seal.signer is not None
    assert seal.signer.subject == "CN=Insurer"


def test_signed_data_of_gb_t_35275_passes() -> None:
    trust, insurer, _ = world("sm2")
    data = signed(by(insurer, kind="gm_data", arc="gm_signed_data", ess=False))
    assert verdict(data, trust) == {}
    assert seals_of(data, trust)[0].format == "GB/T 35275-2017"


def test_cades_passes_and_needs_its_certificate_named() -> None:
    assert verdict(signed(sub_filter="ETSI.CAdES.detached")) == {}
    without = signed(by(world()[1], ess=False), sub_filter="ETSI.CAdES.detached")
    assert verdict(without) == {"signature.signing-certificate": "absent"}


def test_a_file_without_a_signature_is_not_signed() -> None:
    pdf = Pdf()
    pdf.revise({})
    checks, seals = judge(pdf.data, trust=world()[0], at=AT)
    assert failing(checks) == {"document.signed": "not-signed"}
    assert seals == ()


def test_the_time_is_that_of_m_where_the_attributes_have_none() -> None:
    (seal,) = seals_of(signed(by(world()[1], signed_at=None)))
    assert seal.signed_at == datetime(2026, 5, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "rules"),
    [
        (
            {"inside": b"other"},
            {"signature.pdf-attributes": "content-inside", "signature.data-hash": "embedded-differs"},
        ),
        ({"signers": 2}, {"signature.format": "not-one-signer"}),
        ({"signers": 0}, None),
        (
            {"leave_out": "message_digest"},
            {"signature.format": "message-digest-absent", "signature.data-hash": "digest-absent"},
        ),
        ({"leave_out": "content_type"}, {"signature.format": "content-type-absent"}),
        ({"attributes": False}, {"signature.pdf-attributes": "attributes-absent"}),
        ({"digest": "sha1"}, {"signature.method": "digest-mismatch", "signature.data-hash": "digest-unknown"}),
        ({"digest": "sha512"}, {"signature.method": "digest-mismatch"}),
        ({"signed_at": AT + timedelta(hours=1)}, {"signature.time": "future"}),
    ],
)
def test_faults_of_the_signed_data(make: dict[str, object], rules: dict[str, str] | None) -> None:
    found = verdict(signed(by(world()[1], **make)))
    assert found == rules if rules is not None else found


def test_a_signature_over_other_bytes_fails() -> None:
    data = signed()
    changed = data.replace(b"12,800.00", b"92,800.00")
    assert verdict(changed) == {"signature.data-hash": "content-changed"}
    assert seals_of(changed)[0].integrity == "failed"


def test_a_signature_by_another_key_fails() -> None:
    _, insurer, _ = world()
    thief = Holder(insurer.certificate, make_key("p256", "thief"), insurer.subject)
    assert verdict(signed(by(thief))) == {"signature.value": "mismatch"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda n: [0, n[1] - 1, n[2], n[3]], "gap-is-not-contents"),
        (lambda n: [0, n[1], n[2] + 1, n[3] - 1], "gap-is-not-contents"),
        (lambda n: [1, n[1], n[2], n[3]], "byte-range-start"),
        (lambda n: [0, n[1], n[2], n[3] + 1], "byte-range-outside"),
        (lambda n: [0, n[1], 0, n[3]], "byte-range-outside"),
        (lambda n: [0, 0, 0, 0], "byte-range-outside"),
        (lambda n: [0, n[1], n[2], 0], "byte-range-outside"),
    ],
)
def test_a_range_that_leaves_out_more_than_the_value(change: Callable[[list[int]], list[int]], reason: str) -> None:
    data = signed(range_of=change)
    assert verdict(data) == {"signature.byte-range": reason}
    assert seals_of(data)[0].coverage == "unsafe"


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"/ByteRange [0000000000 ", b"/ByteRange [-000000001 ", "byte-range-malformed"),
        (b"/ByteRange", b"/ByteRang#65", None),  # the same name, written with an escape
        (b"/M (D:20260501160000+08'00')", b"/ByteRange [0 1 2 3]        ", "key-twice"),
        (b"/M (D:20260501160000+08'00')", b"/#43ontents <00>            ", "key-twice"),
        (b"/Type /Sig ", b"/Type /Foo ", "not-a-signature"),
    ],
)
def test_the_dictionary_says_one_thing(before: bytes, after: bytes, reason: str | None) -> None:
    pdf = Pdf()
    pdf.sign(by(world()[1]))
    assert before in pdf.data
    found = verdict(pdf.data.replace(before, after, 1))
    if reason is None:
        assert found, "the offsets have moved"
    else:
        assert found["signature.byte-range"] == reason


def test_padding_is_zeros_alone() -> None:
    assert verdict(signed(padding=b"1")) == {"signature.byte-range": "contents-padding"}


def test_bytes_that_follow_belong_to_a_revision() -> None:
    for tail in (b"\n", b"%junk\n", b"1"):
        assert verdict(signed() + tail) in (
            {"signature.pdf-extent": "trailing-bytes"},
            {"document.pdf-structure": "malformed"},
        ), tail
    assert seals_of(signed() + b"\n")[0].coverage == "unsafe"
    assert verdict(signed() + b"%%EOF\n") == {"document.pdf-structure": "malformed"}


def test_nothing_stands_before_the_header() -> None:
    assert verdict(b"junk" + signed()) == {"document.pdf-structure": "prefix"}


def test_a_page_changed_afterwards_is_a_change() -> None:
    pdf = Pdf()
    pdf.sign(by(world()[1]))
    text = b"BT (premium 0.01) Tj ET"
    pdf.revise({4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)}, root=False)
    assert verdict(pdf.data) == {"signature.pdf-extent": "changed-after"}
    assert seals_of(pdf.data)[0].coverage == "unsafe"


def test_a_second_signature_by_the_same_signer_settles_the_first() -> None:
    _, insurer, _ = world()
    pdf = Pdf()
    pdf.sign(by(insurer))
    pdf.sign(by(insurer))
    assert verdict(pdf.data) == {}
    assert [seal.coverage for seal in seals_of(pdf.data)] == ["partial", "whole"]


def test_a_second_signature_by_somebody_else_does_not() -> None:
    _, insurer, other = world()
    pdf = Pdf()
    pdf.sign(by(insurer))
    pdf.sign(by(other))
    assert verdict(pdf.data) == {"signature.pdf-extent": "changed-after"}
    checks, seals = judge(pdf.data, trust=world()[0], at=AT)
    assert worst((*checks, *(check for seal in seals for check in seal.checks))) is Outcome.INDETERMINATE


def test_a_page_changed_between_two_signatures_of_one_signer_fails() -> None:
    _, insurer, _ = world()
    pdf = Pdf()
    pdf.sign(by(insurer))
    text = b"BT (premium 0.01) Tj ET"
    pdf.sign(by(insurer), objects={4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)})
    assert verdict(pdf.data) == {"signature.pdf-extent": "changed-after"}
    assert [seal.coverage for seal in seals_of(pdf.data)] == ["unsafe", "whole"]


@pytest.mark.parametrize(
    ("catalog", "more", "reason"),
    [
        (b"/OpenAction << /S /JavaScript /JS (app.alert) >>", {}, "open-action"),
        (b"/OpenAction << /S /GoTo /D [3 0 R /Fit] >>", {}, None),
        (b"/OpenAction [3 0 R /Fit]", {}, None),
        (b"/AA << >>", {}, "open-action"),
        (b"/Names << /J#61vaScript << >> >>", {}, "active-content"),
        (b"", {9: b"<< /S /Launch /F (cmd.exe) >>"}, "active-content"),
        (b"", {9: b"<< /XFA [] >>"}, "active-content"),
        (b"", {9: b"<< /Length 11 >>\nstream\n/JavaScript\nendstream"}, None),
        (b"/Names << /EmbeddedFiles << /Names [(a.xml) 9 0 R] >> >>", {}, "embedded-files"),
        (b"/AF [9 0 R]", {9: b"<< /F (a.xml) /#45F << /F 10 0 R >> >>"}, "embedded-files"),
    ],
)
def test_content_that_acts_is_refused(catalog: bytes, more: dict[int, bytes], reason: str | None) -> None:
    pdf = Pdf(catalog, more)
    pdf.sign(by(world()[1]))
    assert verdict(pdf.data) == ({"document.pdf-content": reason} if reason else {})


def test_files_inside_are_a_matter_of_policy() -> None:
    file = {
        9: b"<< /F (a.xml) /EF << /F 10 0 R >> >>",
        10: b"<< /Type /EmbeddedFile /Length 4 >>\nstream\n<a/>\nendstream",
    }
    pdf = Pdf(b"/AF [9 0 R]", file)
    pdf.sign(by(world()[1]))
    assert verdict(pdf.data) == {"document.pdf-content": "embedded-files"}
    assert verdict(pdf.data, replace(world()[0], policy=Policy(allow_embedded_files=True))) == {}


@pytest.mark.parametrize(
    ("sub_filter", "reason"), [("adbe.pkcs7.sha1", "legacy"), ("adbe.x509.rsa_sha1", "legacy"), ("Foo.Bar", "unknown")]
)
def test_kinds_that_are_not_judged(sub_filter: str, reason: str) -> None:
    data = signed(sub_filter=sub_filter)
    assert verdict(data) == {"signature.pdf-format": reason}
    assert seals_of(data)[0].integrity == "unsupported"


def stamped(holder: Holder, moment: datetime, over: bytes | None = None) -> Make:
    def make(content: bytes) -> bytes:
        value: dict[str, bytes] = {}

        def remember(message: bytes) -> bytes:
            value["is"] = holder.key.sign(message)
            return value["is"]

        once = Holder(
            holder.certificate, type(holder.key)(holder.key.spki, holder.key.algorithm, remember), holder.subject
        )
        make_cms(content, once)
        fixed = type(holder.key)(holder.key.spki, holder.key.algorithm, lambda _: value["is"])
        token = make_token(over if over is not None else value["is"], stamper(), moment)
        unsigned = [{"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]}]
        return make_cms(content, Holder(holder.certificate, fixed, holder.subject), unsigned=unsigned)

    return make


def test_a_time_stamp_proves_the_moment() -> None:
    trust, insurer, _ = world()
    moment = SIGNED_AT + timedelta(minutes=1)
    data = signed(stamped(insurer, moment))
    assert verdict(data) == {}
    (seal,) = seals_of(data)
    assert (seal.time_proof, seal.signed_at) == ("timestamp", moment)
    unproven = TrustStore(signers=trust.signers, intermediates=trust.intermediates, crls=trust.crls)
    assert verdict(data, unproven) == {}
    assert seals_of(data, unproven)[0].time_proof == "claimed"


def test_a_time_stamp_over_something_else_fails() -> None:
    _, insurer, _ = world()
    data = signed(stamped(insurer, SIGNED_AT, over=b"another value"))
    assert verdict(data) == {"timestamp.imprint": "imprint-mismatch"}


def test_a_claim_after_its_time_stamp_fails() -> None:
    _, insurer, _ = world()
    data = signed(stamped(insurer, SIGNED_AT - timedelta(hours=1)))
    assert verdict(data) == {"timestamp.agrees": "claimed-later"}


def test_a_document_time_stamp_proves_the_signatures_before_it() -> None:
    _, insurer, _ = world()
    pdf = Pdf()
    pdf.sign(by(insurer))
    moment = SIGNED_AT + timedelta(days=1)
    pdf.sign(
        lambda content: make_token(content, stamper(), moment),
        sub_filter="ETSI.RFC3161",
        kind="DocTimeStamp",
        more=b"",
    )
    assert verdict(pdf.data) == {}
    (seal,) = seals_of(pdf.data)
    assert (seal.time_proof, seal.signed_at, seal.coverage) == ("timestamp", moment, "whole")


def test_a_certificate_that_has_expired_since_needs_a_proof() -> None:
    top = root(kind="p256")
    brief = issue("Insurer", top, kind="p256", end=SIGNED_AT + timedelta(days=2))
    trust = TrustStore(
        signers=(top.certificate,),
        tsa=world()[0].tsa,
        crls=(
            *world()[0].crls,
            revocation_list(top, this=SIGNED_AT, following=SIGNED_AT + timedelta(days=90)),
        ),
    )
    assert verdict(signed(by(brief)), trust) == {"certificate.period": "expired-without-time-proof"}
    assert verdict(signed(stamped(brief, SIGNED_AT + timedelta(minutes=1))), trust) == {}


def test_validation_data_of_the_document_is_used_and_not_believed() -> None:
    trust, insurer, _ = world()
    bare = TrustStore(signers=trust.signers, intermediates=trust.intermediates)
    assert verdict(signed(), bare) == {"certificate.revocation": "revocation-unknown"}
    for lists, reason in ((trust.crls, None), ((b"junk",), "revocation-unknown")):
        pdf = Pdf()
        pdf.sign(by(insurer))
        streams = {50 + n: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(der), der) for n, der in enumerate(lists)}
        references = b" ".join(b"%d 0 R" % number for number in streams)
        pdf.catalog = b"/DSS << /CRLs [%s] >>" % references
        pdf.revise(streams)
        assert verdict(pdf.data, bare) == ({"certificate.revocation": reason} if reason else {})
        assert seals_of(pdf.data, bare)[0].coverage == "whole"


def test_unattributed_signatures_are_a_matter_of_policy() -> None:
    trust, insurer, _ = world()
    lax = TrustStore(
        signers=trust.signers,
        intermediates=trust.intermediates,
        crls=trust.crls,
        policy=Policy(allow_unattributed_pdf=True),
    )
    assert verdict(signed(by(insurer, attributes=False)), lax) == {}


def test_two_fields_do_not_share_a_signature() -> None:
    pdf = Pdf()
    pdf.sign(by(world()[1]))
    pdf.fields.append(90)
    pdf.revise({90: b"<< /FT /Sig /T (Other) /V 7 0 R >>"})
    assert verdict(pdf.data) == {"document.pdf-structure": "signature-shared"}


def dual(first: s.Holder, second: s.Holder) -> bytes:
    """An RSA and an SM2 signature on one document."""
    pdf = Pdf()
    for holder in (first, second):
        pdf.sign(s.PlainSignature(signer=holder).build)
    return pdf.data


SEALED_WORLD = TrustStore(
    signers=(s.ROOT.certificate, s.RSA_ROOT.certificate),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
)


def test_two_algorithms_of_one_insurer_settle_each_other() -> None:
    for order in ((s.RSA_SIGNER, s.SIGNER), (s.SIGNER, s.RSA_SIGNER)):
        data = dual(*order)
        assert verdict(data, SEALED_WORLD, s.AT) == {}
        assert [seal.coverage for seal in seals_of(data, SEALED_WORLD)] == ["partial", "whole"]


def test_two_algorithms_of_two_holders_do_not() -> None:
    nobody = replace(s.RSA_SIGNER, number=None, serial=0x4010)
    for other in (nobody, replace(nobody, number="91100000100003962T", serial=0x4011)):
        assert verdict(dual(other, s.SIGNER), SEALED_WORLD, s.AT) == {"signature.pdf-extent": "changed-after"}
    certificates = frozenset(fingerprint(holder.certificate) for holder in (nobody, s.SIGNER))
    named = replace(SEALED_WORLD, owners=(Owner("EXAMPLE-PC", certificates=certificates),))
    assert verdict(dual(nobody, s.SIGNER), named, s.AT) == {}


def test_a_broken_one_of_two_is_a_broken_document() -> None:
    whole = dual(s.RSA_SIGNER, s.SIGNER)
    size = len(s.SIGNER.certificate)
    thieves = (replace(s.SIGNER, key=f"thief {number}") for number in range(99))
    thief = next(one for one in thieves if len(one.certificate) == size)
    assert verdict(whole.replace(b"12,800.00", b"92,800.00"), SEALED_WORLD, s.AT) == {
        "signature.data-hash": "content-changed"
    }
    pdf = Pdf()
    pdf.sign(s.PlainSignature(signer=s.RSA_SIGNER).build)
    honest = s.PlainSignature(signer=s.SIGNER)
    pdf.sign(lambda content: honest.build(content).replace(s.SIGNER.certificate, thief.certificate))
    assert verdict(pdf.data, SEALED_WORLD, s.AT)["signature.value"] == "mismatch"


@pytest.mark.parametrize("plan", [s.SealPlan(), s.SealPlan(family="v1", version=1), s.SealPlan(list_type=2)])
@pytest.mark.parametrize("sub_filter", ["GM.sm2seal", "adbe.pkcs7.detached"])
def test_an_electronic_seal_in_a_pdf_passes(plan: s.SealPlan, sub_filter: str) -> None:
    value = s.SealSignature(plan, property_info="any")
    data = signed(lambda content: value.build(content, ""), sub_filter=sub_filter)
    assert verdict(data, SEALED_WORLD, s.AT) == {}
    (seal,) = seals_of(data, SEALED_WORLD)
    assert (seal.container, seal.integrity, seal.trust, seal.coverage) == ("pdf", "passed", "trusted", "whole")
    assert seal.seal is not None
    assert seal.seal.id == plan.id
    changed = data.replace(b"12,800.00", b"92,800.00")
    assert verdict(changed, SEALED_WORLD, s.AT) == {"signature.data-hash": "content-changed"}
    assert "seal.signer-listed" in verdict(
        signed(lambda content: replace(value, signer=s.OTHER).build(content, "")), SEALED_WORLD, s.AT
    )


def test_a_document_time_stamp_proves_a_seal_that_has_expired_since() -> None:
    value = s.SealSignature(s.SealPlan(end="20260501000000Z"))
    pdf = Pdf()
    pdf.sign(lambda content: value.build(content, ""))
    assert verdict(pdf.data, SEALED_WORLD, s.AT) == {"seal.current": "expired-without-time-proof"}
    pdf.sign(lambda content: s.time_stamp(sm3(content)), sub_filter="ETSI.RFC3161", kind="DocTimeStamp", more=b"")
    assert verdict(pdf.data, SEALED_WORLD, s.AT) == {}
    (seal,) = seals_of(pdf.data, SEALED_WORLD)
    assert (seal.time_proof, seal.signed_at) == ("timestamp", datetime(2026, 3, 1, 2, 3, 5, tzinfo=UTC))
