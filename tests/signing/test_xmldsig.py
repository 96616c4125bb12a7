"""XML signatures of our own making: each algorithm, each clause, and the check that fails where it is broken."""

import ast
import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import authority as a
import pytest
import sealing as s
import xml_maker as m
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

from schemas.rules import load_rules
from schemas.verification import Outcome, Report, SealReport
from signing import signed_content, sm2
from signing.containers.xmldsig import MOST_SIGNATURES
from signing.errors import Unreadable
from signing.trust import Policy, TrustStore
from signing.verify import verify_document

SIGNING = Path(__file__).parents[2] / "signing"
CATALOGUE = {rule.id: rule for rule in load_rules(sorted(SIGNING.glob("rules*.toml")))}
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"


def judge(document: bytes, *, trust: TrustStore = m.TRUST, **more: Any) -> Report:
    report = verify_document(document, trust=trust, at=a.AT, **more)
    for check in report.all_checks():
        assert check.rule in CATALOGUE, check.rule
        assert check.reason is None or check.reason in CATALOGUE[check.rule].reasons, (check.rule, check.reason)
    return report


def only(document: bytes, **more: Any) -> SealReport:
    (seal,) = judge(document, **more).seals
    return seal


def reasons(seal: SealReport) -> list[str]:
    return [f"{check.rule} {check.reason}" for check in seal.checks if check.outcome is not Outcome.PASSED]


@pytest.mark.parametrize("kind", ["sm2", "p256", "p384", "ed25519", "rsa"])
def test_a_sound_signature_passes(kind: str) -> None:
    document = m.enveloped(plan=m.Plan(kind))
    report = judge(document)
    assert (report.outcome, report.reason) == (Outcome.PASSED, None)
    (seal,) = report.seals
    assert (seal.id, seal.container, seal.format) == ("s", "xml", "W3C XML Signature")
    assert (seal.integrity, seal.trust, seal.coverage) == ("passed", "trusted", "whole")
    assert seal.algorithm == m.make_signer(kind).algorithm
    assert seal.signer is not None
    assert seal.signer.subject == "CN=示例财产保险股份有限公司"
    assert (seal.signed_at, seal.time_proof) == (None, "none")
    assert signed_content(document, seal) == (m.POLICY.encode(),)


@pytest.mark.parametrize("encoding", ["raw", "der"])
@pytest.mark.parametrize("digest", [m.SM3, MORE + "sm3", "urn:oid:1.2.156.10197.1.401", m.SHA256])
@pytest.mark.parametrize("method", [m.SM2, MORE + "sm2-sm3", f"{m.DSIG}sm2-sm3", "urn:oid:1.2.156.10197.1.501"])
def test_sm2_under_each_name(method: str, digest: str, encoding: str) -> None:
    document = m.enveloped(plan=m.Plan(method=method, encoding=encoding), digest=digest)
    assert judge(document).outcome is Outcome.PASSED


@pytest.mark.parametrize("size", ["sha384", "sha512"])
def test_each_digest(size: str) -> None:
    digest = next(uri for uri in m.DIGESTS if uri.endswith(size))
    assert judge(m.enveloped(digest=digest)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("salt", "digest", "outcome"),
    [("64", "sha512", Outcome.PASSED), ("32", "sha512", Outcome.INDETERMINATE), ("64", "sha1", Outcome.INDETERMINATE)],
)
def test_rsa_pss_with_parameters(salt: str, digest: str, outcome: Outcome) -> None:
    """RFC 9231 section 2.3.9."""
    more, name = "http://www.w3.org/2007/05/xmldsig-more#", f"http://www.w3.org/2001/04/xmlenc#{digest}"
    parameters = (
        f'<p:RSAPSSParams xmlns:p="{more}"><ds:DigestMethod Algorithm="{name}"></ds:DigestMethod>'
        f'<p:MaskGenerationFunction Algorithm="{more}MGF1"><ds:DigestMethod Algorithm="{name}"></ds:DigestMethod>'
        f"</p:MaskGenerationFunction><p:SaltLength>{salt}</p:SaltLength></p:RSAPSSParams></ds:SignatureMethod>"
    )
    plan = m.Plan("rsa", method=f"{more}rsa-pss", info={"</ds:SignatureMethod>": parameters})
    assert judge(m.enveloped(plan=plan)).outcome is outcome


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (f"{m.DSIG}hmac-sha1", "hmac"),
        ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "hmac"),
        (f"{m.DSIG}rsa-sha1", "weak-algorithm"),
        (f"{m.DSIG}dsa-sha1", "weak-algorithm"),
        ("http://www.w3.org/2009/xmldsig11#dsa-sha256", "weak-algorithm"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "weak-algorithm"),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", "algorithm-unknown"),
        ("urn:nonsense", "algorithm-unknown"),
    ],
)
def test_algorithms_that_are_not_allowed(method: str, reason: str) -> None:
    seal = only(m.enveloped(plan=m.Plan(method=method)))
    assert f"xml.method {reason}" in reasons(seal)
    assert seal.integrity == ("unsupported" if reason == "algorithm-unknown" else "failed")


def test_weak_and_unknown_digests() -> None:
    assert reasons(only(m.enveloped(digest=f"{m.DSIG}sha1"))) == ["xml.digest-method weak-digest"]
    document = m.enveloped(plan=m.Plan(info={m.SHA256: "urn:d"}))
    assert reasons(only(document)) == ["xml.digest-method algorithm-unknown"]
    assert only(document).integrity == "unsupported"


def test_what_was_signed_must_be_there() -> None:
    document = m.enveloped()
    assert reasons(only(document.replace(b"12800.00", b"12800.01"))) == ["xml.reference-digests content-changed"]
    assert reasons(only(document.replace(b"<Premium>", b"<!-- --><Premium>"))) == []  # comments are not signed
    for addition in (b"<?pi?>", b" ", b"x"):
        changed = document.replace(b"<Premium>", addition + b"<Premium>")
        assert reasons(only(changed)) == ["xml.reference-digests content-changed"]
    assert reasons(only(b"<?before?>" + document)) == ["xml.reference-digests content-changed"]


def test_what_is_said_of_it_must_be_what_was_signed() -> None:
    changed = m.enveloped(plan=m.Plan(after={m.ENVELOPED: f"{m.ENVELOPED}x"}))
    assert set(reasons(only(changed))) == {"xml.transforms transform-unknown", "xml.value mismatch"}
    other = m.enveloped(plan=m.Plan(after={"<ds:SignatureValue>": "<ds:SignatureValue>AAAA"}))
    assert reasons(only(other)) == ["xml.value value-malformed"]
    value = m.enveloped().replace(b"</ds:SignatureValue>", b"<x/></ds:SignatureValue>")
    assert reasons(only(value)) == ["xml.value value-malformed"]


def test_inclusive_canonicalization_takes_what_is_inherited() -> None:
    """Namespaces and xml: attributes of the document stand in the canonical SignedInfo and in a part (section 2.4)."""
    outside = 'xmlns="urn:policy" xmlns:z="urn:z" xml:lang="zh" xml:space="preserve"'
    inherited = 'xmlns="urn:policy" xmlns:z="urn:z" Id="b" xml:lang="en" xml:space="preserve"'
    body = f"<Body {inherited}><z:No>1</z:No></Body>"
    info = f'<ds:SignedInfo xmlns="urn:policy" xmlns:ds="{m.DSIG}" xmlns:z="urn:z" xml:lang="zh" xml:space="preserve">'
    plan = m.Plan(
        form=m.INCLUSIVE,
        info={f'<ds:SignedInfo xmlns:ds="{m.DSIG}">': info},
        after={info: "<ds:SignedInfo>"},
    )
    signature = plan.sign(m.Ref(body.encode(), uri="#b", steps=(m.INCLUSIVE,)))
    document = f'<Msg {outside}><Body xml:lang="en" Id="b"><z:No>1</z:No></Body>{signature}</Msg>'.encode()
    seal = only(document)
    assert (seal.integrity, seal.coverage) == ("passed", "partial")
    assert signed_content(document, seal) == (body.encode(),)
    assert only(document.replace(b"xml:space", b"xml:base")).integrity == "failed"


def test_exclusive_canonicalization_with_prefixes() -> None:
    prefixes = f'<ec:InclusiveNamespaces xmlns:ec="{m.EXCLUSIVE}" PrefixList="#default z"></ec:InclusiveNamespaces>'
    step = f'<ds:Transform Algorithm="{m.EXCLUSIVE}">{prefixes}</ds:Transform>'
    octets = b'<Body xmlns="urn:policy" xmlns:z="urn:z" Id="b"><No>1</No></Body>'
    signature = m.Plan().sign(m.Ref(octets, uri="#b", steps=(step,)))
    document = (
        f'<Msg xmlns="urn:policy" xmlns:y="urn:y" xmlns:z="urn:z"><Body Id="b"><No>1</No></Body>{signature}</Msg>'
    )
    assert only(document.encode()).integrity == "passed"
    assert only(document.replace('xmlns:z="urn:z"', 'xmlns:z="urn:other"').encode()).integrity == "failed"


def test_version_11_does_not_join_addresses() -> None:
    eleven = "http://www.w3.org/2006/12/xml-c14n11"
    signature = m.Plan().sign(m.Ref(b'<Body Id="b"></Body>', uri="#b", steps=(eleven,)))
    document = f'<Msg><Body Id="b"/>{signature}</Msg>'
    assert only(document.encode()).integrity == "passed"
    assert only(document.replace("<Msg>", '<Msg xml:id="m">').encode()).integrity == "passed"
    based = only(document.replace("<Msg>", '<Msg xml:base="a/">').encode())
    assert (reasons(based)[0], based.integrity) == ("xml.transforms base-uri", "unsupported")


def test_the_signature_may_stand_anywhere_in_what_it_covers() -> None:
    signature = m.Plan().sign(m.Ref(m.POLICY.encode()))
    for place in ("<PolicyNo>", "</PolicyNo>", "<Premium>", "12800", "</Policy>"):
        assert judge(m.POLICY.replace(place, signature + place).encode()).outcome is Outcome.PASSED


def test_the_whole_document_by_its_identifier() -> None:
    for name in ("Id", "ID", "id", "xml:id"):
        policy = m.POLICY.replace("Id=", f"{name}=")
        document = m.enveloped(policy, uri="#p")
        assert judge(document).outcome is Outcome.PASSED
        styled = b'<?xml-stylesheet href="other.xsl"?>' + document
        assert reasons(only(styled)) == ["xml.coverage instruction-uncovered"]
        assert only(styled).coverage == "partial"


def test_gbk_documents_have_the_same_canonical_form() -> None:
    policy = m.POLICY.replace("PNB0001", "保单")
    document = f'<?xml version="1.0" encoding="GBK"?>{m.enveloped(policy).decode()}'.encode("gbk")
    assert judge(document).outcome is Outcome.PASSED


def test_enveloping() -> None:
    content = f'<ds:Object xmlns:ds="{m.DSIG}" Id="o">{m.POLICY}</ds:Object>'
    plan = m.Plan(objects=content.replace(f' xmlns:ds="{m.DSIG}"', ""))
    document = plan.sign(m.Ref(content.encode(), uri="#o", steps=(m.EXCLUSIVE,)))
    report = judge(document.encode())
    assert report.outcome is Outcome.PASSED
    assert signed_content(document.encode(), report.seals[0]) == (content.encode(),)
    by_element = plan.sign(m.Ref(m.POLICY.encode(), uri="#p", steps=(m.EXCLUSIVE,)))
    assert judge(by_element.encode()).outcome is Outcome.PASSED
    beside = by_element.replace("</ds:Object>", "<Policy/></ds:Object>")
    assert reasons(only(beside.encode())) == ["xml.coverage object-uncovered"]
    empty = m.Plan().sign(m.Ref(b"", uri="#s"))
    assert reasons(only(empty.encode())) == ["xml.references itself"]


def test_base64_covers_the_text_and_not_the_element() -> None:
    content = m.b64(b"signed")
    plan = m.Plan(objects=f'<ds:Object Id="o">{content}</ds:Object>')
    document = plan.sign(m.Ref(b"signed", uri="#o", steps=(f"{m.DSIG}base64",))).encode()
    seal = only(document)
    assert (seal.integrity, seal.coverage) == ("passed", "partial")
    assert signed_content(document, seal) == (b"signed",)
    for changed in (f"{content}!", f"<b>{content}</b>", f"{content}<!---->", content[:-1]):
        assert reasons(only(document.replace(content.encode(), changed.encode()))) == ["xml.transforms not-base64"]


def test_detached() -> None:
    content = "保单 PNB0001 12800.00".encode()
    signature = m.Plan().sign(m.Ref(content, uri="policy.txt", steps=())).encode()
    report = judge(content, detached=signature, media_type="text/plain")
    assert report.outcome is Outcome.PASSED
    assert report.document is not None
    assert report.document.sha256 == hashlib.sha256(content).hexdigest()
    assert signed_content(signature, report.seals[0], content=content) == (content,)
    assert judge(content + b" ", detached=signature).reason == "content-changed"
    assert judge(signature).reason == "external"
    unnamed = m.Plan().sign(m.Ref(content, uri=None, steps=())).encode()
    assert judge(content, detached=unnamed).outcome is Outcome.PASSED
    both = m.Plan().sign(m.Ref(content, uri="a", steps=()), m.Ref(content, uri="b", steps=())).encode()
    assert judge(content, detached=both).reason == "external-repeated"
    other = m.enveloped()
    assert judge(content, detached=other).reason == "content-not-covered"


def test_detached_xml_by_its_canonical_form() -> None:
    comments = f"{m.EXCLUSIVE}WithComments"
    plain, commented = (
        m.Plan().sign(m.Ref(octets, uri="p.xml", steps=(form,))).encode()
        for octets, form in ((m.POLICY.encode(), m.EXCLUSIVE), (f"<!--c-->\n{m.POLICY}".encode(), comments))
    )
    spread = m.POLICY.replace("<Policy Id", "<Policy   Id").encode()
    assert judge(spread, detached=plain).outcome is Outcome.PASSED
    assert judge(b"<!--c-->" + spread, detached=plain).outcome is Outcome.PASSED
    assert judge(b"<!--c-->" + spread, detached=commented).outcome is Outcome.PASSED
    assert judge(b"<!--d-->" + spread, detached=commented).reason == "content-changed"
    assert judge(b"not xml", detached=plain).reason == "not-xml"


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((XSLT,), "transform-refused"),
        (("http://www.w3.org/TR/1999/REC-xpath-19991116",), "transform-refused"),
        (("http://www.w3.org/2002/06/xmldsig-filter2",), "transform-refused"),
        ((m.ENVELOPED, "urn:x"), "transform-unknown"),
        ((m.EXCLUSIVE, m.ENVELOPED), "transform-order"),
        ((m.ENVELOPED, m.ENVELOPED), "transform-order"),
        ((m.ENVELOPED, m.EXCLUSIVE, m.EXCLUSIVE), "transform-order"),
        ((m.ENVELOPED, f"{m.DSIG}base64"), "transform-order"),
        ((f"{m.DSIG}base64", m.EXCLUSIVE), "transform-order"),
        ((f'<ds:Transform Algorithm="{m.ENVELOPED}">x</ds:Transform>',), "transform-parameters"),
        ((f'<ds:Transform Algorithm="{m.INCLUSIVE}"><x></x></ds:Transform>',), "transform-parameters"),
    ],
)
def test_transforms_that_are_not_allowed(steps: tuple[str, ...], reason: str) -> None:
    seal = only(m.enveloped(steps=steps))
    assert reasons(seal) == [f"xml.transforms {reason}"]
    assert seal.integrity in ("failed", "unsupported")


@pytest.mark.parametrize(
    ("uri", "kind", "reason"),
    [
        ("#nothing", None, "missing"),
        ("#", None, "missing"),
        ("#xpointer(/)", None, "xpointer"),
        ("#xpointer(id('p'))", None, "xpointer"),
        ("http://example.org/policy.xml", None, "external"),
        ("file:///etc/passwd", None, "external"),
        (None, None, "external"),
        ("", f"{m.DSIG}Manifest", "manifest"),
    ],
)
def test_references_that_lead_nowhere(uri: str | None, kind: str | None, reason: str) -> None:
    assert reasons(only(m.enveloped(uri=uri, kind=kind))) == [f"xml.references {reason}"]


def test_a_manifest_is_not_followed_under_any_name() -> None:
    manifest = f'<ds:Manifest xmlns:ds="{m.DSIG}" Id="m"></ds:Manifest>'
    plan = m.Plan(objects=f"<ds:Object>{manifest}</ds:Object>")
    seal = only(plan.sign(m.Ref(manifest.encode(), uri="#m", steps=(m.EXCLUSIVE,))).encode())
    assert reasons(seal) == ["xml.references manifest"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<ds:SignatureValue>", "<ds:Object></ds:Object><ds:SignatureValue>", "element-missing"),
        ("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo></ds:KeyInfo>", "element-unexpected"),
        ("</ds:KeyInfo>", "</ds:KeyInfo><Policy></Policy>", "element-unexpected"),
        ("<ds:KeyInfo>", "<ds:KeyInfo><Policy></Policy>", "element-unexpected"),
        ("<ds:KeyInfo>", "<ds:KeyInfo><ds:Object></ds:Object>", "element-unexpected"),
        ("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName><Policy></Policy></ds:KeyName>", "element-unexpected"),
        ("<ds:X509Data>", "<ds:X509Data><ds:KeyName></ds:KeyName>", "element-unexpected"),
        ("<ds:KeyInfo>", "12800<ds:KeyInfo>", "text-unexpected"),
        ("<ds:KeyInfo>", "<!--c--><ds:KeyInfo>", "markup-unexpected"),
        ("<ds:X509Certificate>", "<ds:X509Certificate>MIIC<!--c-->", "markup-unexpected"),
        ("<ds:DigestValue>", "<ds:DigestValue><!--c-->", "markup-unexpected"),
        ("<ds:X509Certificate>", "<ds:X509Certificate>*", "not-base64"),
        ("<ds:Signature ", '<ds:Signature premium="1" ', "attribute-unexpected"),
        ("<ds:Reference", '<ds:Reference x="1"', "attribute-unexpected"),
        ("<ds:SignedInfo", '<ds:SignedInfo x="1"', "attribute-unexpected"),
        (f'<ds:DigestMethod Algorithm="{m.SHA256}">', "<ds:DigestMethod>", "attribute-missing"),
        ("<ds:X509Data>", "<ds:KeyName></ds:KeyName>" * 64 + "<ds:X509Data>", "too-many"),
        ('URI=""', f'URI="#{"x" * 2000}"', "too-long"),
    ],
)
def test_the_form_is_that_of_the_standard(old: str, new: str, reason: str) -> None:
    found = reasons(only(m.enveloped(plan=m.Plan(after={old: new}))))
    assert f"xml.form {reason}" in found


def test_too_many_of_anything() -> None:
    reference = m.Ref(m.POLICY.encode())
    signature = m.Plan().sign(*[reference] * 65)
    assert "xml.form too-many" in reasons(only(m.POLICY.replace(m.END, signature + m.END).encode()))
    signature = m.Plan().sign(m.Ref(b"", steps=[m.EXCLUSIVE] * 9))
    assert "xml.form too-many" in reasons(only(m.POLICY.replace(m.END, signature + m.END).encode()))
    many = tuple(m.certify("sm2", f"k{number}") for number in range(17))
    assert "xml.form too-many" in reasons(only(m.enveloped(plan=m.Plan(certificates=many))))
    document = m.POLICY.replace(m.END, m.Plan().sign(reference) * (MOST_SIGNATURES + 1) + m.END).encode()
    report = judge(document)
    assert [check.reason for check in report.checks] == [None, "too-many"]
    assert len(report.seals) == MOST_SIGNATURES
    assert [seal.id for seal in report.seals] == [str(number) for number in range(1, MOST_SIGNATURES + 1)]


def test_canonicalization_of_signed_info() -> None:
    unknown = only(m.enveloped(plan=m.Plan(form="urn:c14n")))
    assert reasons(unknown) == ["xml.canonicalization algorithm-unknown"]
    assert unknown.integrity == "unsupported"
    relative = m.enveloped(plan=m.Plan(form=m.INCLUSIVE)).replace(b"<Policy ", b'<Policy xmlns:r="relative" ')
    assert "xml.canonicalization not-canonical" in reasons(only(relative))
    assert judge(m.enveloped(plan=m.Plan(form=f"{m.EXCLUSIVE}WithComments"))).outcome is Outcome.PASSED


def test_a_key_without_a_certificate_is_nobodys() -> None:
    spki = m.make_signer("sm2").spki
    curve = "urn:oid:1.2.156.10197.1.301"
    value = (
        f'<ds:KeyValue><e:ECKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#"><e:NamedCurve URI="{curve}"/>'
        f"<e:PublicKey>{m.b64(spki[-65:])}</e:PublicKey></e:ECKeyValue></ds:KeyValue>"
    )
    der = f'<e:DEREncodedKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">{m.b64(spki)}</e:DEREncodedKeyValue>'
    named = value.replace("e:ECKeyValue", "ds:SM2KeyValue")
    for keys in (value, named, der, value + der):
        report = judge(m.enveloped(plan=m.Plan(key_info=keys)))
        (seal,) = report.seals
        assert (report.outcome, seal.integrity, seal.trust, seal.signer) == (
            Outcome.FAILED,
            "passed",
            "untrusted",
            None,
        )
        assert reasons(seal) == ["certificate.parsed absent"]


def test_an_rsa_key_by_its_numbers() -> None:
    key = load_der_public_key(m.make_signer("rsa").spki)
    assert isinstance(key, RSAPublicKey)
    numbers = key.public_numbers()
    parts = (m.b64(n.to_bytes((n.bit_length() + 7) // 8, "big")) for n in (numbers.n, numbers.e))
    modulus, exponent = (
        f"<ds:{name}>{text}</ds:{name}>" for name, text in zip(("Modulus", "Exponent"), parts, strict=True)
    )
    keys = f"<ds:KeyValue><ds:RSAKeyValue>{modulus}{exponent}</ds:RSAKeyValue></ds:KeyValue>"
    assert only(m.enveloped(plan=m.Plan("rsa", key_info=keys))).integrity == "passed"
    certificate = f"<ds:X509Data><ds:X509Certificate>{m.b64(m.certify('rsa'))}</ds:X509Certificate></ds:X509Data>"
    assert judge(m.enveloped(plan=m.Plan("rsa", key_info=keys + certificate))).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("", "xml.key key-absent"),
        ("<ds:KeyName>insurer</ds:KeyName>", "xml.key key-by-name"),
        ('<ds:RetrievalMethod URI="http://example.org/key"></ds:RetrievalMethod>', "xml.key key-by-name"),
        ("<ds:X509Data><ds:X509SKI>AAAA</ds:X509SKI></ds:X509Data>", "xml.key key-by-name"),
        ("<ds:KeyValue><ds:DSAKeyValue></ds:DSAKeyValue></ds:KeyValue>", "xml.key key-unsupported"),
        ("<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>", "xml.key key-unusable"),
    ],
)
def test_keys_that_cannot_be_used(keys: str, reason: str) -> None:
    assert reason in reasons(only(m.enveloped(plan=m.Plan(key_info=keys))))


def test_the_certificate_is_the_one_that_made_the_value() -> None:
    other = m.certify("sm2", "other", "另一家保险公司")
    for certificates in ((m.certify("sm2"), other), (other, m.certify("sm2"))):
        (seal,) = judge(m.enveloped(plan=m.Plan(certificates=certificates))).seals
        assert seal.signer is not None
        assert (seal.integrity, seal.signer.subject) == ("passed", "CN=示例财产保险股份有限公司")
    assert reasons(only(m.enveloped(plan=m.Plan(certificates=(other,))))) == ["xml.value mismatch"]
    assert reasons(only(m.enveloped(plan=m.Plan(certificates=(m.certify("rsa"),)))))[0] == "xml.key key-mismatch"


def test_two_certificates_of_one_key_leave_open_who_signed() -> None:
    twin = m.certify("sm2", "signer", "冒名公司")
    assert reasons(only(m.enveloped(plan=m.Plan(certificates=(m.certify("sm2"), twin)))))[0] == "xml.key key-ambiguous"


def test_a_key_beside_the_certificate_is_the_same_key() -> None:
    def plan(name: str) -> m.Plan:
        spki = m.b64(m.make_signer("sm2", name).spki)
        x509 = f"<ds:X509Data><ds:X509Certificate>{m.b64(m.certify('sm2'))}</ds:X509Certificate></ds:X509Data>"
        value = f'<e:DEREncodedKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">{spki}</e:DEREncodedKeyValue>'
        return m.Plan(key_info=x509 + value)

    assert judge(m.enveloped(plan=plan("signer"))).outcome is Outcome.PASSED
    assert reasons(only(m.enveloped(plan=plan("other")))) == ["xml.key key-differs"]


def test_trust_is_for_signing_xml_alone() -> None:
    document = m.enveloped()
    elsewhere = TrustStore(signers=(m.ROOT.certificate,), crls=(m.CRL,))
    assert only(document, trust=elsewhere).trust == "indeterminate"
    assert only(document, trust=TrustStore()).trust == "indeterminate"
    assert only(document, trust=TrustStore(xml=(m.ROOT.certificate,))).trust == "indeterminate"  # no revocation data
    carried = f"<ds:X509Data><ds:X509Certificate>{m.b64(m.certify('sm2'))}</ds:X509Certificate>"
    carried += f"<ds:X509CRL>{m.b64(m.CRL)}</ds:X509CRL><ds:X509CRL></ds:X509CRL></ds:X509Data>"
    with_list = m.enveloped(plan=m.Plan(key_info=carried))
    assert only(with_list, trust=TrustStore(xml=(m.ROOT.certificate,))).trust == "trusted"


def xades(time: str = "2026-03-01T10:03:04+08:00", certificate: bytes | None = None) -> bytes:
    """A policy with an XAdES signature over the whole of it and over its properties."""
    digest = m.b64(hashlib.sha256(m.certify("sm2") if certificate is None else certificate).digest())
    properties = (
        f'<x:SignedProperties xmlns:x="{m.XADES}" Id="sp"><x:SignedSignatureProperties>'
        f"<x:SigningTime>{time}</x:SigningTime><x:SigningCertificateV2><x:Cert><x:CertDigest>"
        f'<ds:DigestMethod xmlns:ds="{m.DSIG}" Algorithm="{m.SHA256}"></ds:DigestMethod>'
        f'<ds:DigestValue xmlns:ds="{m.DSIG}">{digest}</ds:DigestValue></x:CertDigest></x:Cert>'
        "</x:SigningCertificateV2></x:SignedSignatureProperties></x:SignedProperties>"
    )
    qualifying = f'<x:QualifyingProperties xmlns:x="{m.XADES}" Target="#s">{properties}</x:QualifyingProperties>'
    signature = m.Plan(objects=f"<ds:Object>{qualifying}</ds:Object>").sign(
        m.Ref(m.POLICY.encode()),
        m.Ref(properties.encode(), uri="#sp", steps=(m.EXCLUSIVE,), kind="http://uri.etsi.org/01903#SignedProperties"),
    )
    return m.POLICY.replace(m.END, signature + m.END).encode()


def test_xades_claims_a_time() -> None:
    document = xades()
    report = judge(document)
    (seal,) = report.seals
    assert (report.outcome, seal.format, seal.coverage) == (Outcome.PASSED, "ETSI EN 319 132 XAdES", "whole")
    assert (seal.signed_at, seal.time_proof) == (datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC), "claimed")
    assert signed_content(document, seal) == (m.POLICY.encode(),)


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2026-06-02T00:00:00Z", "xml.time future"),
        ("2023-06-02T00:00:00Z", "signature.signer-period signed-before-valid"),
        ("yesterday", "xml.time time-malformed"),
        ("2026-05-31T23:00:00", ""),
        ("2026-06-01T07:00:00", "xml.time time-ambiguous"),
        ("2026-03-01T00:00:00Z</x:SigningTime><x:SigningTime>2026-03-01T00:00:00Z", "xml.time time-repeated"),
    ],
)
def test_claimed_times_that_cannot_be(time: str, reason: str) -> None:
    found = reasons(only(xades(time)))
    assert reason in found if reason else not found


def test_xades_names_the_certificate() -> None:
    assert reasons(only(xades(certificate=b"other"))) == ["xml.signing-certificate other-certificate"]


def test_properties_that_are_not_signed_are_not_believed() -> None:
    unsigned = (
        f'<ds:Object><x:QualifyingProperties xmlns:x="{m.XADES}"><x:SignedProperties><x:SignedSignatureProperties>'
        "<x:SigningTime>2026-03-01T00:00:00Z</x:SigningTime></x:SignedSignatureProperties></x:SignedProperties>"
        "</x:QualifyingProperties></ds:Object>"
    )
    seal = only(m.enveloped(plan=m.Plan(objects=unsigned)))
    assert (seal.integrity, seal.coverage, seal.signed_at, seal.time_proof) == ("passed", "whole", None, "none")


def stamped(over: bytes | None = None, token: bytes | None = None) -> bytes:
    """The signed policy with a time-stamp over its SignatureValue."""
    document = xades()
    value = etree.fromstring(document).find(f".//{{{m.DSIG}}}SignatureValue")
    assert value is not None
    canonical = f'<ds:SignatureValue xmlns:ds="{m.DSIG}">{value.text}</ds:SignatureValue>'.encode()
    made = s.time_stamp(sm2.sm3(canonical if over is None else over)) if token is None else token
    unsigned = (
        "<x:UnsignedProperties><x:UnsignedSignatureProperties><x:SignatureTimeStamp>"
        f"<x:EncapsulatedTimeStamp>{base64.b64encode(made).decode()}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp>"
        "</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties>"
    )
    return document.replace(b"</x:QualifyingProperties>", unsigned.encode())


def test_a_time_stamp_proves_the_time() -> None:
    trust = TrustStore(xml=(m.ROOT.certificate,), tsa=(s.TSA_ROOT.certificate,), crls=(m.CRL, *s.LISTS))
    report = judge(stamped(), trust=trust)
    (seal,) = report.seals
    assert (report.outcome, seal.time_proof) == (Outcome.PASSED, "timestamp")
    assert "timestamp.imprint imprint-mismatch" in reasons(only(stamped(b"another"), trust=trust))
    assert "timestamp.imprint token-malformed" in reasons(only(stamped(token=b"\x30\x00"), trust=trust))


def test_revoked_certificates() -> None:
    revoked = TrustStore(
        xml=(m.ROOT.certificate,),
        crls=(
            a.revocation_list(
                m.ROOT,
                (
                    a.Holder(m.certify("sm2"), m.ROOT.key, m.ROOT.subject),
                    datetime(2026, 2, 1, tzinfo=UTC),
                    "superseded",
                ),
            ),
        ),
        policy=Policy(),
    )
    seal = only(m.enveloped(), trust=revoked)
    assert (seal.integrity, seal.trust) == ("passed", "untrusted")


def test_the_signature_of_the_tax_bureau_is_named() -> None:
    """数电票: paths for references, no canonical form, no certificate."""
    invoice = (
        b"<EInvoice><Header/><TaxBureauSignature><Reference URI='/Einvoice/Header|/Einvoice/EinvoiceData'/>"
        b"<SignatureAlgorithm>1.2.156.10197.1.501</SignatureAlgorithm><SignatureFormat>DETACH</SignatureFormat>"
        b"<SignatureValue>3044</SignatureValue><KeyInfo/></TaxBureauSignature></EInvoice>"
    )
    report = judge(invoice)
    assert (report.outcome, report.reason) == (Outcome.INDETERMINATE, "tax-bureau-signature")
    assert [(seal.id, seal.integrity) for seal in report.seals] == [("TaxBureauSignature", "unsupported")]
    assert judge(b"<EInvoice/>").reason == "not-signed"


def test_documents_that_are_not_read() -> None:
    for document in (b"<a>", b"<!DOCTYPE a><a/>", b'<?xml version="1.0" encoding="utf-16"?><a/>'):
        with pytest.raises(Unreadable):
            judge(document)


def test_signed_content_is_of_the_judged_document_only() -> None:
    document, other = m.enveloped(), m.enveloped(m.POLICY.replace("PNB0001", "PNB0002"))
    seal = only(document)
    with pytest.raises(ValueError, match="not about these bytes"):
        signed_content(other, seal)
    with pytest.raises(ValueError, match="not about these bytes"):
        signed_content(b"<a/>", seal)
    with pytest.raises(ValueError, match="nothing was signed"):
        signed_content(document, only(document.replace(b"12800", b"12801")))


def test_what_is_carried_is_in_the_catalogue() -> None:
    """Reasons that are values of an error, by the rules under which they are given."""
    carried = {
        "BadForm": {"xml.form"},
        "Unresolved": {"xml.references"},
        "NotCanonical": {"xml.transforms"},
    }
    found = set()
    for path in SIGNING.glob("containers/xmldsig*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in carried:
                assert isinstance(call.args[0], ast.Constant)
                found |= {(rule, call.args[0].value) for rule in carried[call.func.id]}
    assert len(found) > 20
    assert not [one for one in found if one[1] not in CATALOGUE[one[0]].reasons]
