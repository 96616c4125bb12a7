"""XML signatures for tests. Everything is written in canonical form by hand, so that no canonicalizer makes them."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import authority as a
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signing import sm2
from signing.signer import LocalSigner, load_signer, sm2_signer
from signing.trust import Policy, TrustStore

DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DSIG}enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SM3 = "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3"
SM2 = "http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
METHODS = {
    "ed25519": "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
    "ecdsa-p256-sha256": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "ecdsa-p384-sha384": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "rsa-pss-sha512": "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
    "sm2-sm3": SM2,
}
DIGESTS: dict[str, Any] = {
    SHA256: lambda octets: hashlib.sha256(octets).digest(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": lambda octets: hashlib.sha384(octets).digest(),
    "http://www.w3.org/2001/04/xmlenc#sha512": lambda octets: hashlib.sha512(octets).digest(),
    SM3: sm2.sm3,
    "http://www.w3.org/2001/04/xmldsig-more#sm3": sm2.sm3,
    "urn:oid:1.2.156.10197.1.401": sm2.sm3,
    f"{DSIG}sha1": lambda octets: hashlib.sha1(octets).digest(),
}
ROOT = a.root("XML Root")
CRL = a.revocation_list(ROOT)
TRUST = TrustStore(xml=(ROOT.certificate,), crls=(CRL,))
LAX = TrustStore(xml=(ROOT.certificate,), policy=Policy(revocation="if-available"))


def make_signer(kind: str, name: str = "signer") -> LocalSigner:
    """The same key for the same kind and name; RSA keys are new in each run."""
    return _make_signer(kind, name)


@cache
def _make_signer(kind: str, name: str) -> LocalSigner:
    number = int.from_bytes(hashlib.sha256(f"{kind}:{name}".encode()).digest(), "big") >> 1
    if kind == "sm2":
        return sm2_signer(number)
    private: Any = {
        "p256": lambda: ec.derive_private_key(number, ec.SECP256R1()),
        "p384": lambda: ec.derive_private_key(number, ec.SECP384R1()),
        "ed25519": lambda: ed25519.Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    return load_signer(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@cache
def certify(kind: str, name: str = "signer", subject: str = "示例财产保险股份有限公司") -> bytes:
    """A certificate of that key under the trusted root."""
    signer = make_signer(kind, name)
    key = a.Key(signer.spki, "", lambda message: signer.sign(message, encoding="der"))
    return a.issue(subject, ROOT, key=key).certificate


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@dataclass(frozen=True)
class Ref:
    """A reference to `octets`; `steps` are the transforms, or the inside of Transforms as it is."""

    octets: bytes
    uri: str | None = ""
    steps: Sequence[str] = (ENVELOPED, EXCLUSIVE)
    digest: str = SHA256
    kind: str | None = None
    value: str | None = None

    def written(self) -> str:
        kind = "" if self.kind is None else f' Type="{self.kind}"'
        uri = "" if self.uri is None else f' URI="{self.uri}"'
        steps = "".join(
            step if step.startswith("<") else f'<ds:Transform Algorithm="{step}"></ds:Transform>' for step in self.steps
        )
        return (
            f"<ds:Reference{kind}{uri}>{f'<ds:Transforms>{steps}</ds:Transforms>' if steps else ''}"
            f'<ds:DigestMethod Algorithm="{self.digest}"></ds:DigestMethod>'
            f"<ds:DigestValue>{self.value or b64(DIGESTS[self.digest](self.octets))}</ds:DigestValue></ds:Reference>"
        )


@dataclass(frozen=True)
class Plan:
    """How a ds:Signature is written; what is not given is as it should be."""

    kind: str = "sm2"
    form: str = EXCLUSIVE
    method: str | None = None
    certificates: tuple[bytes, ...] | None = None
    key_info: str | None = None
    objects: str = ""
    ident: str = "s"
    encoding: Any = "raw"
    info: dict[str, str] = field(default_factory=dict)
    """Texts of SignedInfo to replace before it is signed."""
    after: dict[str, str] = field(default_factory=dict)
    """Texts of the whole Signature to replace afterwards."""

    def sign(self, *references: Ref) -> str:
        signer = make_signer(self.kind)
        method = self.method or METHODS[signer.algorithm]
        info = (
            f'<ds:SignedInfo xmlns:ds="{DSIG}">'
            f'<ds:CanonicalizationMethod Algorithm="{self.form}"></ds:CanonicalizationMethod>'
            f'<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>'
            f"{''.join(reference.written() for reference in references)}</ds:SignedInfo>"
        )
        for old, new in self.info.items():
            assert old in info
            info = info.replace(old, new)
        value = b64(signer.sign(info.encode(), encoding=self.encoding))
        certificates = (certify(self.kind),) if self.certificates is None else self.certificates
        x509 = "".join(f"<ds:X509Certificate>{b64(one)}</ds:X509Certificate>" for one in certificates)
        keys = f"<ds:X509Data>{x509}</ds:X509Data>" if self.key_info is None else self.key_info
        signature = (
            f'<ds:Signature xmlns:ds="{DSIG}" Id="{self.ident}">{info}<ds:SignatureValue>{value}</ds:SignatureValue>'
            f"{f'<ds:KeyInfo>{keys}</ds:KeyInfo>' if keys else ''}{self.objects}</ds:Signature>"
        )
        for old, new in self.after.items():
            assert old in signature
            signature = signature.replace(old, new)
        return signature


POLICY = '<Policy Id="p"><PolicyNo>PNB0001</PolicyNo><Premium>12800.00</Premium></Policy>'
END = "</Policy>"


def enveloped(document: str = POLICY, plan: Plan | None = None, *, end: str = END, **more: Any) -> bytes:
    """`document`, which is canonical, with a signature over the whole of it as its last element."""
    signature = (plan or Plan()).sign(Ref(document.encode(), **more))
    assert document.endswith(end)
    return f"{document.removesuffix(end)}{signature}{end}".encode()
