"""Are these the bytes that were signed, by the holder of this key: structure, digests, signature values.

One function a check. What could not be read is no pass: a missing digest, key or value fails.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from schemas.verification import Check, Outcome, failed, passed, unknown
from signing.algorithms import ALGORITHMS, PublicKey, load_public_key
from signing.certificate import BadCertificate
from signing.checks.paths import digest_over
from signing.errors import UnusableKey
from signing.holder import read_holder
from signing.kept import Kept, kept, passed_again
from signing.seal import Bits, Defect, ElectronicSeal, Seal
from signing.sm2 import Digest, sm3, verify_digest
from signing.values import DIGEST_AS_TEXT, read_digest, read_sm2_value, repaired

SM2, RSA = "sm2-sm3", "rsa-v1_5-sha256"
# What names an algorithm in a signature. The plain SM2 identifiers stand in CMS only (GB/T 35275, GM/T 0010).
_SES_NAMES = {"1.2.156.10197.1.501": SM2, "1.2.840.113549.1.1.11": RSA, "1.2.156.10197.1.506": RSA}
# SHA1withRSA, MD5withRSA: legal in GM/T 0031-2014, and forgeable.
_WEAK_NAMES = frozenset({"1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4", "1.2.156.10197.1.504"})
_WEAK_METHODS = _WEAK_NAMES | {"SHA1WITHRSA", "MD5WITHRSA"}
_CMS_NAMES = {
    "1.2.156.10197.1.501": SM2,
    "1.2.156.10197.1.301.1": SM2,
    "1.2.156.10197.1.301": SM2,
    "1.2.840.113549.1.1.1": RSA,
    "1.2.840.113549.1.1.11": RSA,
    "1.2.840.10045.4.3.2": "ecdsa-p256-sha256",
    "1.2.840.10045.4.3.3": "ecdsa-p384-sha384",
}
# What only certificates, PDF and SignedData in a file of its own may have besides.
_OTHER_NAMES = {
    "1.3.101.112": "ed25519",
    "1.2.840.113549.1.1.10": "rsa-pss",
    "1.2.840.113549.1.1.12": "rsa-v1_5-sha384",
    "1.2.840.113549.1.1.13": "rsa-v1_5-sha512",
}
_DIGEST_OF = {
    SM2: "sm3",
    RSA: "sha256",
    "ecdsa-p256-sha256": "sha256",
    "ecdsa-p384-sha384": "sha384",
}
# GB/T 33190 section 18.2.2: the method as Signature.xml names it.
_METHOD_NAMES = {**_SES_NAMES, "SM3WITHSM2": SM2, "SM2WITHSM3": SM2, "SHA256WITHRSA": RSA}
_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sm3": sm3,
    "sha256": lambda content: hashlib.sha256(content).digest(),
    "sha384": lambda content: hashlib.sha384(content).digest(),
    "sha512": lambda content: hashlib.sha512(content).digest(),
}


def from_defects(defects: Iterable[Defect], rule: str) -> Check | None:
    """The failed check of the first defect under `rule`; None if there is none. All reasons are among its facts."""
    found = [defect for defect in defects if defect.rule == rule]
    if not found:
        return None
    reasons = list(dict.fromkeys(defect.reason for defect in found))
    facts = dict(found[0].facts)
    if len(reasons) > 1:
        facts["reasons"] = reasons
    return failed(rule, found[0].reason, **facts)


def algorithm_of(seal: Seal) -> str | None:
    """The name of the signature algorithm that a signature states; None if it is none of ours."""
    names = _CMS_NAMES if seal.container == "cms" else _SES_NAMES
    return names.get(seal.algorithm)


def is_of_seals(seal: Seal) -> bool:
    """Whether algorithm and digest of a SignedData are ones that OFD and seals know."""
    name = algorithm_of(seal)
    return name is not None and seal.digest_algorithm == _DIGEST_OF[name]


def name_of(seal: Seal) -> str:
    """The algorithm of a signature for people: its name, or the identifier where it has none here."""
    return algorithm_of(seal) or _OTHER_NAMES.get(seal.algorithm) or seal.algorithm or "none"


def seal_algorithm_of(seal: ElectronicSeal) -> str | None:
    """The name of the algorithm of the maker's signature; None if it is none of ours."""
    return _SES_NAMES.get(seal.algorithm)


def check_format(seal: Seal) -> Check:
    """ESEAL sections 3 and 4: the structure is the one of its standard, with exactly one signer."""
    broken = from_defects(seal.defects, "signature.format")
    return passed_again("signature.format", format=seal.format) if broken is None else broken


def check_version(seal: Seal, *, allow_v5: bool) -> Check:
    """ESEAL section 3.4: the version numbers agree with each other and with the structure."""
    rule = "signature.version"
    if (broken := from_defects(seal.defects, rule)) is not None:
        return broken
    version = seal.seal.version if seal.seal else None
    if seal.seal and seal.seal.family == "v5" and not allow_v5:
        return unknown(rule, "experimental", version=version)
    return passed_again(rule, version=version, format=seal.format)


def check_extensions(seal: Seal) -> Check | None:
    """GB/T 38540 section 7.1: an extension of the signature that is critical and not understood; None for none."""
    return from_defects(seal.defects, "signature.extensions")


def check_method(seal: Seal, declared: str | None, *, in_ofd: bool, allow_rsa: bool = True) -> Check:
    """GB/T 33190 section 18.2.2: the stated algorithm is one of ours and agrees with the value and with the key.

    Certificate and algorithm of a GB/T 38540 signature are not under the signature: only this agreement binds them.
    `allow_rsa` is the policy on RSA with SHA-256 in seal signatures and in OFD, which GM/T 0031 knows.
    """
    rule = "signature.method"
    facts: dict[str, Any] = {"algorithm": seal.algorithm, "declared": declared}
    name = algorithm_of(seal)
    if name is None:
        return failed(rule, "algorithm-weak" if seal.algorithm in _WEAK_NAMES else "algorithm-unknown", **facts)
    if in_ofd:
        if declared is None:
            return failed(rule, "method-absent", **facts)
        stated = _METHOD_NAMES.get(declared.upper())
        if stated is None:
            weak = declared.upper() in _WEAK_METHODS
            return failed(rule, "algorithm-weak" if weak else "method-unknown", **facts)
        if stated != name:
            return failed(rule, "method-mismatch", **facts)
    if seal.container == "cms" and seal.digest_algorithm != _DIGEST_OF[name]:
        return failed(rule, "digest-mismatch", digest=seal.digest_algorithm, **facts)
    key = find_key(seal.certificate)
    if isinstance(key, str):
        return failed(rule, "key-unusable", detail=key, **facts)
    if name not in key.algorithms:
        return failed(rule, "key-mismatch", key=key.kind, **facts)
    if name != SM2 and not allow_rsa and (in_ofd or seal.container == "ses"):
        return unknown(rule, "rsa-not-allowed", **facts)
    return passed_again(rule, name=name, **facts)


def check_data_hash(seal: Seal, content: bytes | None, *, repair: bool = False) -> Check:
    """GB/T 38540 section 7.3, RFC 5652 section 5.4: the digest under the signature is that of the content.

    `content` None means that it is not at hand: unknown. `repair` takes the digest also as text, which is flagged.
    """
    rule = "signature.data-hash"
    digest = _HASHES.get(seal.digest_algorithm)
    if digest is None:
        return failed(rule, "digest-unknown", digest=seal.digest_algorithm)
    if content is None:
        return unknown(rule, "content-absent")
    if seal.container == "cms" and not seal.has_attributes:
        return _check_plain(rule, seal, content, digest, repair)
    if seal.digest is None:
        return failed(rule, "digest-absent")
    actual = digest(content)
    try:
        signed, _ = read_digest(seal.digest, len(actual))
    except ValueError as error:
        return failed(rule, "digest-malformed", detail=str(error))
    facts: dict[str, Any] = {"algorithm": seal.digest_algorithm, "signed": signed.hex(), "actual": actual.hex()}
    if signed != actual:
        return failed(rule, "content-changed", **facts)
    if seal.embedded is not None and seal.embedded not in (content, actual):
        return failed(rule, "embedded-differs", **facts)
    return passed(rule, **facts)


def _check_plain(rule: str, seal: Seal, content: bytes, digest: Callable[[bytes], bytes], repair: bool) -> Check:
    """The form without attributes: the content is signed itself, or its digest stands inside and is signed."""
    if seal.embedded is None and content[:1] == b"\x31":
        # A SET under the signature may be the attributes of another signature: never take it for a content.
        return failed(rule, "content-ambiguous")
    actual = digest(content)
    facts: dict[str, Any] = {"algorithm": seal.digest_algorithm, "actual": actual.hex()}
    if seal.embedded is None or seal.embedded in (content, actual) or (repair and _text_of(actual) == seal.embedded):
        return passed(rule, **facts)
    return failed(rule, "content-changed", signed=seal.embedded[:64].hex(), **facts)


def _text_of(digest: bytes) -> bytes:
    """A digest as some producers embed it in the form without attributes: the text of its base64."""
    return base64.b64encode(digest)


def content_flags(seal: Seal, content: bytes | None) -> tuple[str, ...]:
    """The flag of a digest that is embedded as text, where GB/T 35275 has the octets themselves."""
    digest = _HASHES.get(seal.digest_algorithm)
    if content is None or digest is None or seal.embedded is None or seal.container != "cms" or seal.has_attributes:
        return ()
    as_text = seal.embedded != content and len(seal.embedded) < 100 and seal.embedded == _text_of(digest(content))
    return (DIGEST_AS_TEXT,) if as_text else ()


def check_value(seal: Seal, content: bytes | None) -> Check | None:
    """GB/T 32918.2 section 7, RFC 5652 section 5.4: the value holds over the signed octets under the signer's key.

    None if it cannot be computed: `check_method` or `check_encoding` or `check_data_hash` then says why, and does not
    pass.
    """
    message = content if seal.signed is None else seal.signed
    if message is None:
        return None
    check = _check_signature("signature.value", algorithm_of(seal), seal.certificate, message, seal.value)
    return check if check.reason in (None, "mismatch") else None


def check_maker_signature(seal: Seal, *, allow_rsa: bool = True) -> Check | None:
    """GM/T 0031 section 5.3, GB/T 38540 section 6.3: the maker signed this seal; None if there is no seal."""
    electronic = seal.seal
    if electronic is None:
        return None
    rule, name = "seal.maker-signature", _SES_NAMES.get(electronic.algorithm)
    check = _check_signature(rule, name, electronic.maker_certificate, electronic.signed, electronic.value)
    if name != SM2 and not allow_rsa and check.outcome is Outcome.PASSED:
        return unknown(rule, "rsa-not-allowed", algorithm=name)
    return check


def check_encoding(seal: Seal, flags: tuple[str, ...], *, repair: bool) -> Check:
    """GM/T 0009, X.690: values are written as the standards say; what had to be repaired is named."""
    if algorithm_of(seal) == SM2:
        try:
            read_sm2_value(seal.value)
        except ValueError as error:
            return failed("signature.encoding", "malformed", detail=str(error))
    elif seal.value.unused:
        return failed("signature.encoding", "malformed", detail="unused bits")
    return check_repairs(flags, repair=repair)


def check_repairs(flags: tuple[str, ...], *, repair: bool) -> Check:
    """Whether what had to be repaired may have been."""
    rule = "signature.encoding"
    found = list(repaired(flags))
    if found and not repair:
        return failed(rule, "malformed", repaired=found)
    return passed_again(rule, repaired=tuple(found))


def value_flags(seal: Seal) -> tuple[str, ...]:
    """A flag for each deviation that had to be repaired in the digests and values of a signature and its seal."""
    flags: list[str] = []
    if seal.digest is not None:
        flags += _attempt(lambda digest: read_digest(digest)[1], seal.digest)
    if algorithm_of(seal) == SM2:
        flags += _attempt(lambda value: read_sm2_value(value)[1], seal.value)
    if seal.seal is not None and _SES_NAMES.get(seal.seal.algorithm) == SM2:
        flags += [f"maker-{flag}" for flag in _attempt(lambda value: read_sm2_value(value)[1], seal.seal.value)]
    return tuple(flags)


def _attempt(read: Callable[[Bits], tuple[str, ...]], value: Bits) -> list[str]:
    try:
        return list(read(value))
    except ValueError:
        return []  # the check of that value says so


def find_key(certificate: bytes | None) -> PublicKey | str:
    """The key of a certificate, or why it cannot be used."""
    return "there is no certificate" if certificate is None else _key_of(certificate)


@kept(1024, 8 << 20)
def _key_of(certificate: bytes) -> PublicKey | str:
    try:
        return load_public_key(read_holder(certificate).spki)
    except (BadCertificate, UnusableKey) as error:
        return str(error)


def _check_signature(rule: str, algorithm: str | None, certificate: bytes | None, message: bytes, value: Bits) -> Check:
    if algorithm is None:
        return failed(rule, "algorithm-unknown")
    key = find_key(certificate)
    if isinstance(key, str):
        return failed(rule, "key-unusable", detail=key)
    if algorithm not in key.algorithms:
        return failed(rule, "key-mismatch", key=key.kind, algorithm=algorithm)
    octets = value.octets
    if algorithm == SM2:
        try:
            octets, _ = read_sm2_value(value)
        except ValueError as error:
            return failed(rule, "value-malformed", detail=str(error))
    elif value.unused:
        return failed(rule, "value-malformed", detail="unused bits")
    if _holds(algorithm, key, certificate or b"", message, octets):
        return passed_again(rule, algorithm=algorithm)
    return failed(rule, "mismatch", algorithm=algorithm)


_KNOWN: Kept[bytes, bool] = Kept(8192)  # the same seal stands in thousands of documents


def _holds(algorithm: str, key: PublicKey, certificate: bytes, message: bytes, value: bytes) -> bool:
    """Whether the signature holds; answers are kept, by a digest of everything that they depend on."""
    if algorithm == SM2:
        digest = Digest(key.point)  # over key and message: what SM2 signs, and all that is asked besides the value
        digest.update(message)
        e = digest.digest()
        return _KNOWN.get(key.point + e + value, lambda: verify_digest(key.point, e, value))
    asked = digest_over(algorithm.encode(), certificate, value, message)
    return _KNOWN.get(asked, lambda: ALGORITHMS[algorithm].holds(key, message, value))


def check_digest_method(method: str | None, algorithm: str | None, *, allow_rsa: bool) -> Check:
    """GB/T 33190 section 18.2.3: the references are protected by SM3; an absent method would mean MD5.

    SHA-256 goes only with an `algorithm` of RSA with SHA-256, and only where the policy allows that.
    """
    rule = "signature.digest-method"
    if method is None:
        return failed(rule, "method-absent")
    name = digest_method(method)
    if name == "sm3" or (name == "sha256" and allow_rsa and _METHOD_NAMES.get((algorithm or "").upper()) == RSA):
        return passed_again(rule, method=method)
    weak = method.upper().replace("-", "") in _WEAK
    return failed(rule, "weak-digest" if weak else "method-unknown", method=method[:80])


def digest_method(method: str | None) -> str | None:
    """The name of the digest that a CheckMethod means; None if it is none of ours."""
    return _DIGEST_METHODS.get((method or "").upper())


_DIGEST_METHODS = {
    "SM3": "sm3",
    "1.2.156.10197.1.401": "sm3",
    "SHA256": "sha256",
    "SHA-256": "sha256",
    "2.16.840.1.101.3.4.2.1": "sha256",
}
_WEAK = frozenset({"MD5", "SHA1", "1.2.840.113549.2.5", "1.3.14.3.2.26"})


def strict_base64(text: str) -> bytes | None:
    """The bytes of canonical base64; None for anything else, also for other spellings of the same bytes."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None
