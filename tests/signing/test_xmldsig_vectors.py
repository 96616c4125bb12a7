"""The published XML signatures of signxml and xmlsec: what must hold holds, nothing else does, and why is declared."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import pem, x509
from published import Tally, read, vectors

from schemas.verification import SealReport
from signing.containers.xmldsig import judge, signed_content
from signing.containers.xmldsig_document import NotCanonical, read_document
from signing.containers.xmldsig_read import BadForm, info_form, read_signature, read_signed_info
from signing.containers.xmldsig_targets import Unresolved, find_target, read_octets
from signing.errors import Unreadable
from signing.trust import Policy, TrustStore
from untrusted import Refused

SIGNXML, XMLSEC = vectors("xmldsig-signxml"), vectors("xmldsig-xmlsec")
pytestmark = pytest.mark.real

# Their authorities certify without keyUsage and publish no lists.
LAX = Policy(revocation="if-available", require_key_usage=False, allow_test_certificates=True)


@dataclass(frozen=True)
class Case:
    suite: str
    path: Path
    label: str
    parameters: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8", errors="replace")

    @property
    def expected(self) -> bool:
        return self.label == "valid"

    @property
    def needs_trust(self) -> bool:
        """Whether a chain to the given anchor is part of what is expected."""
        if "--insecure" in self.parameters:
            return False
        return "X509Certificate>" in self.text if self.suite == "xmlsec" else self.label == "untrusted"

    @property
    def at(self) -> datetime:
        if found := re.search(r"--verification-gmt-time (\d{4})-(\d\d)-(\d\d)", self.parameters):
            year, month, day = (int(part) for part in found.groups())
            return datetime(year, month, day, tzinfo=UTC)
        return datetime(2026, 4, 1, tzinfo=UTC)

    @property
    def trust(self) -> TrustStore:
        if self.suite == "signxml":
            folder = self.path.parent / "cacert.pem"
            return TrustStore(xml=(pem.unarmor(folder.read_bytes())[2],) if folder.exists() else (), policy=LAX)

        def ders(option: str) -> tuple[bytes, ...]:
            names = re.findall(rf"{option} (?:\./)?(\S+)", self.parameters)
            return tuple((XMLSEC / name).read_bytes() for name in names if (XMLSEC / name).exists())

        return TrustStore(
            xml=ders("--trusted-der"), intermediates=ders("--untrusted-der"), crls=ders("--crl-der"), policy=LAX
        )


def cases() -> Iterator[Case]:
    for entry in read(SIGNXML / "labels.json")["cases"]:
        yield Case("signxml", SIGNXML / entry["file"], entry["expected"])
    for entry in read(XMLSEC / "labels.json")["cases"]:
        yield Case("xmlsec", XMLSEC / entry["file"], entry["expected"], entry["params"], entry["note"])


def algorithms(case: Case) -> list[str]:
    return re.findall(r"(?:SignatureMethod|DigestMethod|Transform)\s+Algorithm\s*=\s*[\"']([^\"']+)", case.text)


def uses(*words: str) -> Callable[[Case], bool]:
    """Whether an algorithm is named in the document of which one of the words is a part, or all after the `#`."""

    def found(case: Case) -> bool:
        return any(word in uri for uri in algorithms(case) for word in words)

    return found


def says(pattern: str) -> Callable[[Case], bool]:
    return lambda case: re.search(pattern, case.text) is not None


def told(pattern: str) -> Callable[[Case], bool]:
    return lambda case: re.search(pattern, f"{case.parameters} {case.note}") is not None


def has_short_rsa(case: Case) -> bool:
    """An RSA signature of less than 2048 bits."""
    value = re.search(r"SignatureValue[^>]*>([^<]+)<", case.text)
    return value is not None and "rsa" in "".join(algorithms(case)) and len("".join(value[1].split())) < 340


def has_other_curve(case: Case) -> bool:
    """ECDSA with SHA-256 not on P-256, or with SHA-384 not on P-384; the curve as stated, or as the key is called."""
    ours = {"ecdsa-sha256": ("1.2.840.10045.3.1.7", "prime256"), "ecdsa-sha384": ("1.3.132.0.34", "prime384")}
    for name, curve in ours.items():
        if uses(f"#{name}")(case):
            found = re.findall(r"urn:oid:([\d.]+)|KeyName>TestKeyName-ec-(prime\d+)", case.text)
            return any(one and one not in curve for pair in found for one in pair) or case.path.name in _P521
    return False


def signer_is_authority(case: Case) -> bool:
    """The first certificate that is sent along says of itself that it may certify others."""
    text = re.search(r"X509Certificate>([^<]+)<", case.text)
    return text is not None and bool(x509.Certificate.load(base64.b64decode(text[1])).ca)


_P521 = frozenset({"enveloping-sha384-ecdsa-sha384.xml"})  # it does not say so, but its certificate does
_STATED = r"<(?:\w+:)?(?:X509Certificate|KeyValue|DEREncodedKeyValue)\b"
_REFERRED = r"<(?:\w+:)?(?:RetrievalMethod|KeyInfoReference)\b"

# What a strict verifier refuses although the label says valid. Told from the document or the parameters, never from
# our verdict. None of these may be accepted either.
DECLARED: dict[str, Callable[[Case], bool]] = {
    "SHA-1, MD5 or RIPEMD-160": uses("sha1", "md5", "ripemd160"),
    "SHA-224": uses("sha224"),
    "SHA-3": uses("sha3-", "sha3_"),
    "HMAC": uses("#hmac"),
    "DSA": uses("#dsa-"),
    "GOST": uses("gost"),
    "post-quantum": uses("ml-dsa", "slh-dsa"),
    "Ed448, or Ed25519 with context or digest": uses("ed448", "ed25519ph", "ed25519ctx"),
    "RSA-PSS with SHA-384": uses("#sha384-rsa-MGF1"),
    "ECDSA with SHA-512": uses("ecdsa-sha512"),
    "ECDSA with another curve than that of its digest": has_other_curve,
    "XPath, XSLT or a relationship transform": uses("xpath", "xslt", "xmldsig-filter2", "RelationshipTransform"),
    "XPointer": says(r"URI=.#xpointer"),
    "document type declaration": says(r"<!DOCTYPE"),
    "reference outside of the document": says(r"URI=\"https?://"),
    "RSA of less than 2048 bits": has_short_rsa,
    "key given apart, named or referred to": lambda case: not says(_STATED)(case) or says(_REFERRED)(case),
    "certificate of an authority, which does not sign": lambda case: case.needs_trust and signer_is_authority(case),
    "key in a WS-Security token": says(r"SecurityTokenReference"),
    "ECDSA value with padding": lambda case: "padded" in case.path.name,
    "kinds of key switched off": told(r"is disabled"),
}


def judged(case: Case) -> SealReport | None:
    """The report on the signature; None if the document is not read or carries none."""
    try:
        _, seals = judge(case.path.read_bytes(), trust=case.trust, at=case.at)
    except Unreadable:
        seals = ()
    return seals[0] if seals else None


def test_every_label_holds() -> None:
    """Nothing is accepted that must not be, and what else is refused is named."""
    tallies = {suite: Tally(f"xmldsig-{suite}", "labels.json") for suite in ("signxml", "xmlsec")}
    for case in cases():
        name = str(case.path.relative_to(SIGNXML.parent)) + f" [{case.parameters}]"
        with tallies[case.suite].judging(name):
            seal = judged(case)
        accepted = seal is not None and seal.integrity == "passed"
        if case.needs_trust:
            accepted = accepted and seal is not None and seal.trust == "trusted"
        reason = next((name for name, holds in DECLARED.items() if holds(case)), None)
        tallies[case.suite].add(name, expected=case.expected, actual=accepted, declared=reason)
    for tally in tallies.values():
        tally.settle()


_DIGESTS = {
    "sha1": "sha1",
    "sha224": "sha224",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "md5": "md5",
}


def test_canonical_forms_are_those_of_the_publishers() -> None:
    """Also where the algorithms are refused: our octets of a reference have the digest that stands there."""
    found = Counter[str]()
    for case in {case.path: case for case in cases() if case.label != "invalid"}.values():
        try:
            document = read_document(case.path.read_bytes())
        except Refused:
            continue
        for element in document.signatures:
            try:
                signature = read_signature(element)
                form = info_form(signature)
                assert form is not None
                info = read_signed_info(document, signature, form)
            except BadForm:
                continue
            for reference in info.references:
                name = _DIGESTS.get(reference.digest_method.rpartition("#")[2])
                if name is None:
                    continue
                try:
                    octets = read_octets(document, element, find_target(document, element, reference, None), None)
                except (Unresolved, NotCanonical):
                    continue
                actual = hashlib.new(name, octets).digest()
                same = reference.digest == base64.b64encode(actual).decode()
                found["same" if same else f"other {case.path.name} {reference.uri}"] += 1
    print(found)
    assert set(found) == {"same"}
    assert found["same"] > 150


def test_a_sample_gives_what_was_signed() -> None:
    path = SIGNXML / "interop/aleksey-xmldsig-01-enveloped/enveloped-sha256-rsa-sha256-test-1.xml"
    case = Case("signxml", path, "valid")
    seal = judged(case)
    assert seal is not None
    assert (seal.integrity, seal.trust, seal.coverage) == ("passed", "trusted", "whole")
    (octets,) = signed_content(path.read_bytes(), seal)
    assert b"Signature" not in octets
