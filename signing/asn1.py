"""The ASN.1 types of certificates and lists, with the SM2 names that asn1crypto lacks and names that always compare.

Importing this module registers the SM2 and SM3 identifiers (GM/T 0006) with asn1crypto, once; everything that parses
certificates, lists or CMS imports it first.
"""

import hashlib
from typing import TYPE_CHECKING, Any

from asn1crypto import algos, cms, crl, keys, x509

if TYPE_CHECKING:  # asn1crypto states no types

    class _Name: ...

    class _TbsCertificate: ...

    class _Certificate: ...

    class _TbsCertList: ...

    class _CertificateList: ...

else:
    _Name, _TbsCertificate, _Certificate = x509.Name, x509.TbsCertificate, x509.Certificate
    _TbsCertList, _CertificateList = crl.TbsCertList, crl.CertificateList

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


def _with_names(structure: Any) -> list[tuple[Any, ...]]:
    """The fields of an asn1crypto structure with our `Name` in the place of its own."""
    return [(name, Name if kind is x509.Name else kind, *rest) for name, kind, *rest in structure._fields]


class TbsCertificate(_TbsCertificate):
    """RFC 5280 section 4.1.1.1."""

    _fields = _with_names(x509.TbsCertificate)

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class Certificate(_Certificate):
    """RFC 5280 section 4.1."""

    _fields = [("tbs_certificate", TbsCertificate), *x509.Certificate._fields[1:]]

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class TbsCertList(_TbsCertList):
    """RFC 5280 section 5.1.2."""

    _fields = _with_names(crl.TbsCertList)

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


class CertificateList(_CertificateList):
    """RFC 5280 section 5.1."""

    _fields = [("tbs_cert_list", TbsCertList), *crl.CertificateList._fields[1:]]

    def dump(self, force: bool = False) -> bytes:
        """The octets that were sent."""
        return octets_of(self)


def load(kind: Any, der: bytes) -> Any:
    """`der` as one value of the asn1crypto class `kind`, nothing after it. Raises ValueError."""
    return kind.load(der, strict=True)
