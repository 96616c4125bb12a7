"""What is asked of an XML Signature: allowed algorithms, one key, a value that holds (W3C XML Signature 1.1; RFC 9231).

An allow-list by URI. SHA-1, MD5 and DSA are refused as weak; HMAC is refused because whoever can verify it can make it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.verification import Check, failed, passed, unknown
from signing.algorithms import SignatureEncoding, find_flaw
from signing.certificate import BadCertificate
from signing.checks.integrity import strict_base64
from signing.containers.xmldsig_keys import Keys
from signing.containers.xmldsig_read import MORE, Method, Reference
from signing.holder import read_holder
from signing.seal import Moment
from signing.sm2 import sm3
from signing.trust import Policy

_SHA256, _SHA512 = "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmlenc#sha512"
# The W3C names no SM2 and SM3 for XML. Libraries after GB/T 25061-2020 use names in xmldsig-more; China's window for
# customs (电子口岸) has a name of its own and an older one in the namespace of the W3C. The object identifiers of
# GM/T 0006 as URN (RFC 3061) leave no doubt either.
_SM2 = (
    "http://www.w3.org/2001/04/xmldsig-more#sm2-sm3",
    "http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3",
    "http://www.w3.org/2000/09/xmldsig#sm2-sm3",
    "urn:oid:1.2.156.10197.1.501",
)
_SM3 = (
    "http://www.w3.org/2001/04/xmldsig-more#sm3",
    "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3",
    "urn:oid:1.2.156.10197.1.401",
)
METHODS: Final = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "rsa-v1_5-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": "rsa-v1_5-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "rsa-v1_5-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": "ecdsa-p256-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": "ecdsa-p384-sha384",
    "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519": "ed25519",
    f"{MORE}sha256-rsa-MGF1": "rsa-pss-sha256",
    f"{MORE}sha512-rsa-MGF1": "rsa-pss-sha512",
    **dict.fromkeys(_SM2, "sm2-sm3"),
}
_PSS = f"{MORE}rsa-pss"
# RFC 9231 section 2.3.9: SHA-256 where nothing is stated, and a salt as long as the digest.
_PSS_DIGESTS = {_SHA256: ("rsa-pss-sha256", 32), _SHA512: ("rsa-pss-sha512", 64)}
DIGESTS: Final[dict[str, Callable[[bytes], bytes]]] = {
    _SHA256: lambda octets: hashlib.sha256(octets).digest(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": lambda octets: hashlib.sha384(octets).digest(),
    _SHA512: lambda octets: hashlib.sha512(octets).digest(),
    **dict.fromkeys(_SM3, sm3),
}
_WEAK = ("sha1", "md5", "md2", "ripemd160")
_SHOWN = 20  # references in the facts of a check
_LONGEST_VALUE = 2_048


def method_of(method: Method) -> str | None:
    """The name in `signing.algorithms` of a signature method; None if it is none of ours."""
    if method.uri == _PSS:
        name, salt = _PSS_DIGESTS.get(method.pss_digest or _SHA256, (None, 0))
        return name if method.plain and method.pss_salt in (None, salt) else None
    return METHODS.get(method.uri) if method.plain and (method.pss_digest, method.pss_salt) == (None, None) else None


def check_method(method: Method) -> Check:
    """XML Signature section 4.4.2, RFC 9231 section 2: the signature algorithm is one that is trusted."""
    rule = "xml.method"
    facts: dict[str, Any] = {"algorithm": method.uri[:200]}
    name = method_of(method)
    if name is not None:
        return passed(rule, name=name, **facts)
    fragment = method.uri.rpartition("#")[2].lower()
    if "hmac" in fragment:
        return failed(rule, "hmac", **facts)
    if fragment.startswith("dsa-") or any(weak in fragment for weak in _WEAK):
        return failed(rule, "weak-algorithm", **facts)
    return unknown(rule, "parameters-unsupported" if method.uri in (_PSS, *METHODS) else "algorithm-unknown", **facts)


def check_digest_methods(references: Sequence[Reference]) -> Check:
    """XML Signature section 4.4.3.5: every reference is digested with SHA-2 or SM3."""
    rule = "xml.digest-method"
    used = list(dict.fromkeys(reference.digest_method for reference in references))
    strange = [uri for uri in used if uri not in DIGESTS]
    for uri in strange:
        if any(weak in uri.rpartition("#")[2].lower() for weak in _WEAK):
            return failed(rule, "weak-digest", algorithm=uri[:200])
    if strange:
        return unknown(rule, "algorithm-unknown", algorithm=strange[0][:200])
    return passed(rule, algorithms=used)


def check_reference_digests(parts: Sequence[tuple[Reference, bytes]]) -> Check:
    """XML Signature section 3.2.1: the octets of every reference have the digest that is signed."""
    rule = "xml.reference-digests"
    changed, held = [], []
    for reference, octets in parts:
        signed, digest = strict_base64(reference.digest), DIGESTS.get(reference.digest_method)
        shown = "" if reference.uri is None else reference.uri[:200]
        if signed is None:
            return failed(rule, "digest-malformed", reference=shown)
        if digest is None or digest(octets) != signed:
            changed.append(shown)
        held.append({"reference": shown, "sha256": hashlib.sha256(octets).hexdigest()})
    if changed:
        return failed(rule, "content-changed", references=changed[:_SHOWN], changed=len(changed))
    return passed(rule, parts=held)


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose key the value holds under: the certificate, None if there is none, and the checks that say so."""

    certificate: bytes | None
    checks: tuple[Check, ...]


def find_signer(name: str, keys: Keys, message: bytes, written: str) -> Signer:
    """XML Signature sections 3.2.2 and 4.5: the value holds under the one key that stands in KeyInfo.

    Which certificate is the signer's is not said anywhere: it is the one whose key made the value, and there is only
    one. A KeyValue beside it is the same key.
    """
    first = keys.certificates[0] if keys.certificates else None
    value = strict_base64(written)
    if value is None or not value or len(value) > _LONGEST_VALUE:
        return Signer(first, (failed("xml.value", "value-malformed"),))
    encoding = _encoding(name, value)
    held: list[bytes] = []
    flaws: list[Check] = []
    for certificate in keys.certificates:
        try:
            flaw = find_flaw(name, read_holder(certificate).spki, message, value, encoding=encoding)
        except BadCertificate as error:
            flaw = failed("signature.key", "malformed", detail=str(error))
        if flaw is None:
            held.append(certificate)
        else:
            flaws.append(flaw)
    plain = [find_flaw(name, spki, message, value, encoding=encoding) for spki in keys.spkis]
    if len(held) > 1:
        return Signer(held[0], (failed("xml.key", "key-ambiguous", certificates=len(held)), passed("xml.value")))
    others = [flaw for flaw in plain if flaw is not None]
    if held or (plain and not others and not keys.certificates):
        if others or keys.unusable:
            return Signer(first, (failed("xml.key", "key-differs"), passed("xml.value", algorithm=name)))
        stated = "certificate" if held else "key-value"
        return Signer(next(iter(held), None), (passed("xml.key", stated=stated), passed("xml.value", algorithm=name)))
    return Signer(first, _explain(keys, [*flaws, *others]))


def _encoding(name: str, value: bytes) -> SignatureEncoding | None:
    """RFC 9231 section 2.3.6: r and s side by side. SM2 values are also seen in DER, as GM/T 0009 has them."""
    if name.startswith("ecdsa"):
        return "raw"
    return ("raw" if len(value) == 64 else "der") if name == "sm2-sm3" else None


def _explain(keys: Keys, flaws: Sequence[Check]) -> tuple[Check, ...]:
    """Why no key in KeyInfo made the value."""
    if not flaws and keys.unusable:
        return (unknown("xml.key", "key-unsupported", detail=keys.unusable[0][:200]),)
    if not flaws:
        return (unknown("xml.key", "key-by-name") if keys.named else failed("xml.key", "key-absent"),)
    rules = {flaw.rule for flaw in flaws}
    if "signature.value" in rules:
        return (passed("xml.key", stated="untold"), failed("xml.value", "mismatch"))
    if "signature.encoding" in rules:
        return (passed("xml.key", stated="untold"), failed("xml.value", "value-malformed"))
    if all(flaw.reason == "unsupported" for flaw in flaws):
        return (unknown("xml.key", "key-unsupported", detail=_detail(flaws[0])),)
    if any(flaw.reason == "wrong-algorithm" for flaw in flaws):
        return (failed("xml.key", "key-mismatch", detail=_detail(flaws[0])),)
    return (failed("xml.key", "key-unusable", detail=_detail(flaws[0])),)


def _detail(flaw: Check) -> str:
    return str(flaw.facts.get("detail", flaw.reason))[:200]


def check_time(moment: Moment | None, problem: str | None, at: datetime, policy: Policy) -> Check:
    """EN 319 132-1 section 5.2.1: the moment that the signer claims is a time, and not in the future of `at`."""
    rule = "xml.time"
    if problem is not None:
        return failed(rule, "time-malformed" if problem == "time-malformed" else "time-repeated")
    if moment is None:
        return passed(rule)
    facts: dict[str, Any] = {"signed_at": moment.text(), "written": moment.raw[:40]}
    if moment.earliest > at + policy.timestamp_tolerance:
        return failed(rule, "future", **facts)
    if moment.latest > at + policy.timestamp_tolerance:
        return unknown(rule, "time-ambiguous", **facts)
    return passed(rule, **facts)


def check_signing_certificate(stated: Sequence[tuple[str, str]], certificate: bytes | None) -> Check:
    """EN 319 132-1 section 5.2.2: the certificate that the signer signed is the one under which the value holds."""
    rule = "xml.signing-certificate"
    if not stated:
        return failed(rule, "malformed")
    for method, value in stated:
        digest = DIGESTS.get(method)
        if digest is None:
            return failed(rule, "digest-not-allowed", algorithm=method[:200])
        if certificate is None or strict_base64(value) != digest(certificate):
            return failed(rule, "other-certificate")
    return passed(rule)
