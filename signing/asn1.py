"""The ASN.1 types of certificates and lists, with the SM2 names that asn1crypto lacks and names that always compare.

Importing this module registers the SM2 and SM3 identifiers (GM/T 0006) with asn1crypto, once; everything that parses
certificates, lists or CMS imports it first.
"""

import hashlib
from typing import TYPE_CHECKING, Any

from asn1crypto import algos, cms, core, crl, keys, ocsp, x509

from signing.sm2 import sm3

if TYPE_CHECKING:  # asn1crypto states no types

    class _Name: ...

    class _PublicKeyInfo: ...

    class _TbsCertificate: ...

    class _Certificate: ...

    class _TbsCertList: ...

    class _CertificateList: ...

    class _SequenceOf: ...

    class _ResponseData: ...

    class _BasicOCSPResponse: ...

    class _ResponseBytes: ...

    class _OCSPResponse: ...

else:
    _Name, _TbsCertificate, _Certificate = x509.Name, x509.TbsCertificate, x509.Certificate
    _TbsCertList, _CertificateList = crl.TbsCertList, crl.CertificateList
    _PublicKeyInfo, _SequenceOf = keys.PublicKeyInfo, core.SequenceOf
    _ResponseData, _BasicOCSPResponse = ocsp.ResponseData, ocsp.BasicOCSPResponse
    _ResponseBytes, _OCSPResponse = ocsp.ResponseBytes, ocsp.OCSPResponse

SM2_CURVE = "1.2.156.10197.1.301"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM3 = "1.2.156.10197.1.401"
_SM2_IN_CMS = "1.2.156.10197.1.301.1"

keys.NamedCurve.register("sm2", SM2_CURVE, 32)
for _oid, _name in ((SM2_WITH_SM3, "sm2_sm3"), (SM2_CURVE, "sm2"), (_SM2_IN_CMS, "sm2_sign")):
    algos.SignedDigestAlgorithmId._map[_oid] = _name
    algos.SignedDigestAlgorithmId._reverse_map = None
for _ids in (algos.DigestAlgorithmId, algos.HmacAlgorithmId):
    _ids._map[SM3] = "sm3"
    _ids._reverse_map = None
# GB/T 35275 section 5: its own arc for what RFC 5652 calls data and signedData.
for _oid, _name in (("1.2.156.10197.6.1.4.2.1", "gm_data"), ("1.2.156.10197.6.1.4.2.2", "gm_signed_data")):
    cms.ContentType._map[_oid] = _name
    cms.ContentType._reverse_map = None


MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)
"""What asn1crypto is known to raise on octets that are not what they should be."""


class Name(_Name):
    """A distinguished name that compares by its bytes where it cannot be prepared as RFC 4518 says.

    Real certificates carry types and characters that asn1crypto refuses; a display fault must not end a verdict.
    """

    @property
    def hashable(self) -> str:
        """The prepared name, or the digest of its DER: equal for equal names."""
        try:
            return str(x509.Name.hashable.fget(self))
        except (ValueError, TypeError):
            return "der:" + hashlib.sha256(self.dump()).hexdigest()

    @property
    def human_friendly(self) -> str:
        """For the library's own messages only; `signing.certificate.name_text` is what people see."""
        try:
            return str(x509.Name.human_friendly.fget(self))
        except (ValueError, TypeError):
            return self.hashable

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(x509.Name.chosen.fget(self))

    @property
    def sm3(self) -> bytes:
        """Its SM3 digest: so GM/T 0014 names an issuer in a response."""
        return sm3(self.dump())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, x509.Name) and self.hashable == Name.hashable.__get__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.hashable)


def octets_of(value: Any) -> bytes:
    """The octets of a value that was read, as they were sent.

    asn1crypto writes a value anew if the length of its content ends in the octet 80; a signature stands over what was
    sent, and not over what a library would have written.
    """
    return bytes(value._header + value._contents + value._trailer)


class PublicKeyInfo(_PublicKeyInfo):
    """RFC 5280 section 4.1.2.7."""

    @property
    def sm3(self) -> bytes:
        """The SM3 digest of the key's own octets: so GM/T 0014 names the key of an issuer in a response."""
        structure: Any = self
        return sm3(bytes(structure["public_key"]))


def _with_ours(structure: Any) -> list[tuple[Any, ...]]:
    """The fields of an asn1crypto structure with our types in the place of its own."""
    return [(name, _OURS.get(kind, kind), *rest) for name, kind, *rest in structure._fields]


_OURS: dict[Any, Any] = {x509.Name: Name, keys.PublicKeyInfo: PublicKeyInfo}


class TbsCertificate(_TbsCertificate):
    """RFC 5280 section 4.1.1.1."""

    _fields = _with_ours(x509.TbsCertificate)

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class Certificate(_Certificate):
    """RFC 5280 section 4.1."""

    _fields = [("tbs_certificate", TbsCertificate), *x509.Certificate._fields[1:]]

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)

    @property
    def never_checked(self) -> bool:
        """RFC 6960 section 4.2.2.2.1, id-pkix-ocsp-nocheck: a responder whose revocation nobody need ask for."""
        return x509.Certificate.ocsp_no_check_value.fget(self) is not None

    @property
    def ocsp_no_check_value(self) -> None:
        """Nothing: the library would validate such a responder without our signature plug-in, so without SM2.

        `signing.revocation` asserts its standing instead, and the library validates it as any other.
        """


class TbsCertList(_TbsCertList):
    """RFC 5280 section 5.1.2."""

    _fields = _with_ours(crl.TbsCertList)

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class CertificateList(_CertificateList):
    """RFC 5280 section 5.1."""

    _fields = [("tbs_cert_list", TbsCertList), *crl.CertificateList._fields[1:]]

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class Certificates(_SequenceOf):
    """The certificates inside of a response."""

    _child_spec = Certificate


class ResponseData(_ResponseData):
    """RFC 6960 section 4.2.1."""

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class BasicOCSPResponse(_BasicOCSPResponse):
    """RFC 6960 section 4.2.1."""

    _fields = [
        ("tbs_response_data", ResponseData),
        *ocsp.BasicOCSPResponse._fields[1:3],
        ("certs", Certificates, {"explicit": 0, "optional": True}),
    ]


class ResponseBytes(_ResponseBytes):
    """RFC 6960 section 4.2.1."""

    _oid_specs = {"basic_ocsp_response": BasicOCSPResponse}


class OCSPResponse(_OCSPResponse):
    """RFC 6960 section 4.2.1."""

    _fields = [
        ocsp.OCSPResponse._fields[0],
        ("response_bytes", ResponseBytes, {"explicit": 0, "optional": True}),
    ]


def load(kind: Any, der: bytes) -> Any:
    """`der` as one value of the asn1crypto class `kind`, nothing after it. Raises ValueError."""
    return kind.load(der, strict=True)
